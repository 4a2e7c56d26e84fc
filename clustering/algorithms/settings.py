"""What a run of weakly supervised clustering can be told; every value checked when it is made."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

# Here and not beside the numerics, so that a form can check settings without loading faiss.
Solver = Literal["exact", "agd", "sgd"]
SearchMethod = Literal["auto", "flat", "ivf", "hnsw"]
GraphKind = Literal["mutual", "union"]
Affinity = Literal["gaussian", "exponential"]
LaplacianKind = Literal["symmetric", "random_walk", "unnormalised"]


@dataclass(frozen=True)
class WSCSettings:
    """Settings of a run. Raises ValueError naming the setting and the value that cannot be."""

    neighbours: int = 30
    """Nearest neighbours of each face in the feature space."""
    search: SearchMethod = "auto"
    """Neighbour search: "flat" compares all pairs, "ivf" and "hnsw" are approximate, "auto" decides by size."""
    graph: GraphKind = "mutual"
    """Edges between faces that both list each other, or either."""
    affinity: Affinity = "gaussian"
    """Weight of an edge by distance: exp(-d^2 / 2 sigma^2), or the paper's exp(-d / sigma)."""
    laplacian: LaplacianKind = "symmetric"
    """Normalisation of the graph."""
    lam: float = 0.03
    """Pull of the weak labels against looks, balanced unit (0.004 is nearly looks alone, 4 labels alone)."""
    dimensions: int = 10
    """Coordinates of the embedding."""
    solver: Solver = "exact"
    """"exact" (eigenvectors), "agd" (Algorithm 1) or "sgd" (Algorithm 2)."""
    joint: bool = False
    """One embedding and one partition for all AUs, with overlapping groups, instead of one for each AU."""
    cluster_neighbours: int = 30
    """Nearest neighbours in the embedding, for the rank-order distance."""
    cluster_cap: int = 30
    """Faces at which a cluster stops growing; fragments may raise it to one and a half times that."""
    cluster_least: int = 5
    """Smaller clusters that find no home join the noise group."""
    noise_fraction: float = 0.02
    """Share of the faces, the highest-ranked outliers, that goes to the noise group."""
    sweep_steps: int = 24
    """Thresholds at which uMQI is told for the global cut; 0 leaves the curve out."""

    def __post_init__(self) -> None:
        self._whole("neighbours", 2, 1000)
        self._whole("cluster_neighbours", 2, 1000)
        self._whole("dimensions", 1, 1000)
        self._whole("cluster_cap", 2, 100_000)
        self._whole("cluster_least", 1, self.cluster_cap)
        self._whole("sweep_steps", 0, 1000)
        self._range("lam", 0.0, 1e6)
        self._range("noise_fraction", 0.0, 0.5)
        self._choice("search", ("auto", "flat", "ivf", "hnsw"))
        self._choice("graph", ("mutual", "union"))
        self._choice("affinity", ("gaussian", "exponential"))
        self._choice("laplacian", ("symmetric", "random_walk", "unnormalised"))
        self._choice("solver", ("exact", "agd", "sgd"))
        if self.joint and self.solver != "exact":
            raise ValueError("A joint run has overlapping groups, which only the exact solver takes.")

    def _whole(self, name: str, least: int, most: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}.")

    def _range(self, name: str, least: float, most: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"{name} must be a number from {least:g} to {most:g}, not {value!r}.")

    def _choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values."""
        return asdict(self)
