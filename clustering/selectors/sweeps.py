"""What a run's page tells of λ: what each one tried proved to know, and how the faces lie at some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from annotator.models import ClusterRun, Face
from annotator.selectors.arrays import array_read
from annotator.selectors.axes import Tick, round_numbers, ticks_fit
from annotator.selectors.codes import layer_codes, layers_visible_to
from annotator.selectors.scatter import HEIGHT, WIDTH, dots, places_on_map
from clustering.selectors.charts import BOTTOM, LEFT, RIGHT, TOP

PLANE_POINTS = 800
"""Most faces drawn in each of the planes; the same seeded sample in all."""
KINDS = {1: "present", 0: "absent"}


@dataclass(frozen=True)
class Tried:
    """One λ of a sweep."""

    lam: float
    literal: float
    clusters: int
    umqi: float | None
    merit: float | None
    """By reference: the probability that a trusted code got, as a geometric mean; else a correlation."""
    chosen: bool


@dataclass(frozen=True)
class LambdaCurve:
    """One measure by λ, which goes by its logarithm; points are (x, y)."""

    points: list[tuple[float, float]]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    chosen: tuple[float, float] | None

    @property
    def line(self) -> str:
        return " ".join(f"{x},{y}" for x, y in self.points)

    @property
    def right(self) -> bool:
        """Whether the chosen one stands in the right half: then its words go to the left."""
        return self.chosen is not None and self.chosen[0] > WIDTH / 2

    @property
    def low(self) -> bool:
        """Whether it stands so low that its words go above it."""
        return self.chosen is not None and self.chosen[1] > (HEIGHT - BOTTOM + TOP) / 2


@dataclass(frozen=True)
class LambdaTold:
    """The λ of one partition in both units, and the sweep that it came from, if there was one."""

    lam: float
    literal: float
    """In the unit of the formula as printed (Zhao et al. 2018, Eq. 3)."""
    tried: list[Tried]
    by_reference: bool
    merit: LambdaCurve | None
    umqi: LambdaCurve | None
    residual: float | None
    """Largest of the embedding at this λ; None for a run of a time when it wasn't kept."""
    rounds: int
    converged: bool

    @property
    def end(self) -> str:
        """“looks” or “labels” where the least or the largest λ was chosen: that alone serves as well."""
        if not self.tried or self.merit is None:
            return ""
        return "looks" if self.tried[0].chosen else "labels" if self.tried[-1].chosen else ""


def lambda_told(run: ClusterRun, partition: int) -> LambdaTold | None:
    """None for a run of a time when λ wasn't kept."""
    part = run.summary["partitions"][partition]
    lam = part.get("lam")
    if lam is None:
        return None
    faces = run.summary.get("faces") or 0
    rows = [row for row in part.get("sweep") or [] if row.get("lam")]
    by_reference = any(row.get("by_reference") for row in rows)
    tried = [_tried(row, lam, faces, by_reference) for row in rows]
    return LambdaTold(
        lam,
        part.get("lam_literal") or lam * faces,
        tried,
        by_reference,
        _curve(tried, [one.merit for one in tried]),
        _curve(tried, [one.umqi for one in tried]),
        part.get("residual"),
        part.get("iterations") or 0,
        part.get("converged", True),
    )


def _tried(row: dict[str, Any], lam: float, faces: int, by_reference: bool) -> Tried:
    merit = row.get("merit")
    return Tried(
        row["lam"],
        row["lam"] * faces,
        int(row.get("clusters") or 0),
        row.get("umqi"),
        float(np.exp(merit)) if by_reference and merit is not None else merit,
        bool(np.isclose(row["lam"], lam)),
    )


def _curve(tried: Sequence[Tried], values: Sequence[float | None]) -> LambdaCurve | None:
    """None where fewer than two have the measure."""
    known = [(one, value) for one, value in zip(tried, values, strict=True) if value is not None]
    if len(known) < 2:
        return None
    least, most = np.log(tried[0].lam), np.log(tried[-1].lam)
    low, high = min(value for _one, value in known), max(value for _one, value in known)
    room = max((high - low) * 0.1, 0.005)
    low, high = low - room, high + room

    def across(lam: float) -> float:
        return round(float(LEFT + (np.log(lam) - least) / max(most - least, 1e-9) * (WIDTH - LEFT - RIGHT)), 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    tens = [10.0**power for power in range(-4, 5) if least <= np.log(10.0**power) <= most]
    return LambdaCurve(
        [(across(one.lam), up(value)) for one, value in known],
        ticks_fit([Tick(across(lam), f"{lam:g}") for lam in tens]),
        [Tick(up(number), label) for number, label in round_numbers(low, high, 5)],
        next(((across(one.lam), up(value)) for one, value in known if one.chosen), None),
    )


@dataclass(frozen=True)
class Plane:
    """The faces in the first two coordinates at one λ; paths of dots, (kind, SVG path data)."""

    lam: float
    chosen: bool
    proposed: list[tuple[str, str]]
    weak: list[tuple[str, str]]


@dataclass(frozen=True)
class Planes:
    """The same faces at the least, the chosen and the largest λ (Zhao et al. 2018, Fig. 3)."""

    planes: list[Plane]
    shown: int
    faces: int


def sweep_planes(run: ClusterRun, user: User, au: int) -> Planes | None:
    """None for a run without a sweep. Call only for a user who may see the run."""
    partition = next(index for index, aus in enumerate(run.partitions) if au in aus)
    lams = run.summary["partitions"][partition].get("plane_lams") or []
    if run.sweep_planes is None or run.proposals is None or len(lams) != 3:
        return None
    stored = array_read(run.sweep_planes)[:, partition]
    rows = np.flatnonzero(np.isfinite(stored).all(axis=(1, 2)))
    faces = len(rows)
    if not faces:
        return None
    draw = np.random.default_rng(run.pk)
    rows = draw.permutation(rows)[:PLANE_POINTS]
    planes = _turned_alike(np.asarray(stored[rows], np.float64))
    proposed = np.asarray(array_read(run.proposals)[rows, run.aus.index(au)])
    weak = _weak_codes(run, user, au, rows)
    drawn: list[Plane] = []
    for slot, lam in enumerate(lams):
        if lam in [plane.lam for plane in drawn]:
            continue
        places = places_on_map(planes[:, slot])
        drawn.append(Plane(lam, lam == lams[1], dots(places, proposed, KINDS), dots(places, weak, KINDS)))
    return Planes(drawn, len(rows), faces)


def _turned_alike(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 2): the signs of eigenvectors are chance, so each plane is mirrored to lie as the chosen one."""
    centred = planes - planes.mean(axis=0)
    along = (centred * centred[:, 1:2]).sum(axis=0, keepdims=True)
    return np.asarray(planes * np.where(along < 0, -1.0, 1.0))


def _weak_codes(run: ClusterRun, user: User, au: int, positions: NDArray[np.int64]) -> NDArray[np.int8]:
    """(N,) the codes that the run began with, as they are now; −1 for none."""
    codes = np.full(len(positions), -1, np.int8)
    layer = next((one for one in layers_visible_to(user, run.dataset) if one.pk == run.weak_layer_id), None)
    coded = run.dataset.coded_aus.filter(au=au).first()
    found = Face.objects.filter(dataset=run.dataset, position__among=positions.tolist())
    id_of = dict(found.values_list("position", "id"))
    if layer is None or coded is None or not id_of:
        return codes
    places = [place for place, position in enumerate(positions.tolist()) if position in id_of]
    ids = [id_of[int(positions[place])] for place in places]
    codes[places] = layer_codes(layer, ids).codes([coded.bit])[:, 0]
    return codes
