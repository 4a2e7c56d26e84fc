"""What a run of weakly supervised clustering can be told; every value checked when it is made."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

# Here and not beside the numerics, so that a form can check settings without loading faiss.
Solver = Literal["exact", "agd", "sgd"]
SearchMethod = Literal["auto", "flat", "ivf", "hnsw"]
GraphKind = Literal["mutual", "union"]
Affinity = Literal["gaussian", "exponential"]
LaplacianKind = Literal["symmetric", "random_walk", "unnormalised"]
GroupKind = Literal["aus", "sets"]
VoteKind = Literal["witnesses", "majority", "probability", "base_rate"]
Cut = Literal["local", "density", "global"]


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
    lam_steps: int = 0
    """How many values of lambda to try, from 2^-8 to 2^2, before the best is taken; 0 takes `lam` as it is."""
    dimensions: int = 10
    """Coordinates of the embedding."""
    solver: Solver = "exact"
    """"exact" (eigenvectors), "agd" (Algorithm 1) or "sgd" (Algorithm 2)."""
    joint: bool = False
    """One embedding and one partition for all AUs instead of one for each AU."""
    groups: GroupKind = "aus"
    """Of a joint run: a group for each code of each AU, which overlap, or one for each set of codes."""
    vote: VoteKind = "witnesses"
    """"witnesses" weighs all that speaks for each face; the others call whole clusters: by the "majority" of weak
    codes (the paper's way), by their mean "probability", or by that cut at the "base_rate"."""
    cluster_neighbours: int = 30
    """Nearest neighbours in the embedding, for the rank-order distance."""
    cut: Cut = "local"
    """"local" merges the nearest first and stops at a size, "density" where edges thin out, "global" at the one
    distance that uMQI chooses."""
    delta: int = 1
    """Clusters of so many faces or fewer are noise and do not count for uMQI."""
    cluster_cap: int = 30
    """Faces at which a cluster stops growing; fragments may raise it to one and a half times that."""
    cluster_least: int = 5
    """Smaller clusters that find no home join the noise group."""
    cluster_density: float = 0.1
    """For the cut by density: the share of pairs with an edge that a merge must better to pay."""
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
        self._whole("delta", 1, self.cluster_cap - 1)
        self._whole("sweep_steps", 0, 1000)
        self._whole("lam_steps", 0, 100)
        self._range("lam", 0.0, 1e6)
        self._range("noise_fraction", 0.0, 0.5)
        self._range("cluster_density", 0.001, 1.0)
        self._choice("search", ("auto", "flat", "ivf", "hnsw"))
        self._choice("graph", ("mutual", "union"))
        self._choice("affinity", ("gaussian", "exponential"))
        self._choice("laplacian", ("symmetric", "random_walk", "unnormalised"))
        self._choice("solver", ("exact", "agd", "sgd"))
        self._choice("groups", ("aus", "sets"))
        self._choice("vote", ("witnesses", "majority", "probability", "base_rate"))
        if self.lam_steps == 1:
            raise ValueError("lam_steps must be 0 (no sweep) or at least 2, not 1.")
        if self.joint and self.groups == "aus" and self.solver != "exact":
            raise ValueError("Groups of a joint run overlap, which only the exact solver takes; or group by sets.")
        self._choice("cut", ("local", "density", "global"))

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
