"""The three pictures of a run page, in units of their own: cluster sizes, uMQI, and the map of faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.models import ClusterRun
from annotator.selectors.arrays import array_read
from annotator.selectors.axes import Tick, ticks_fit
from annotator.selectors.scatter import HEIGHT, WIDTH, places_on_map

LEFT, RIGHT, TOP, BOTTOM = 34, 12, 26, 34
"""Room around the drawing for the axes and their words."""

MAP_POINTS = 2_000
"""Most faces drawn in the little map of a run page; a seeded sample of them."""
SIZE_STEPS = (1, 2, 5, 10, 15, 20, 25, 30, 40, 60, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram, with its count and the sizes it is for."""

    label: str
    count: int
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class SizeChart:
    """How many clusters have which size; ticks stand between the bars, at their lowest size."""

    bars: list[Bar]
    ticks: list[Tick]


def size_chart(run: ClusterRun, partition: int) -> SizeChart:
    """The histogram of the partition's cluster sizes, from its smallest class to its largest."""
    sizes = np.array(run.clusters.filter(partition=partition, number__gt=0).values_list("size", flat=True))
    counts = np.histogram(sizes, bins=[*SIZE_STEPS, 10**9])[0] if len(sizes) else np.zeros(len(SIZE_STEPS), int)
    used = np.flatnonzero(counts)
    if not len(used):
        return SizeChart([], [])
    first, last = int(used[0]), int(used[-1])
    tallest = int(counts.max())
    step = min((WIDTH - LEFT - RIGHT) / (last - first + 1), 60)
    bars = []
    for place in range(first, last + 1):
        tall = counts[place] / tallest * (HEIGHT - TOP - BOTTOM)
        x = LEFT + (place - first) * step + 1
        y = HEIGHT - BOTTOM - tall
        bars.append(
            Bar(
                _sizes(place), int(counts[place]), round(x, 1), round(y, 1), round(step - 2, 1), round(float(tall), 1)
            )
        )
    lowest = [f"{low:,}" for low in SIZE_STEPS[first : last + 2]]
    ticks = [Tick(round(LEFT + number * step, 1), label) for number, label in enumerate(lowest)]
    return SizeChart(bars, ticks_fit(ticks))


def _sizes(place: int) -> str:
    """The sizes of one class: “10–14”."""
    if place == len(SIZE_STEPS) - 1:
        return f"{SIZE_STEPS[place]:,}+"
    low, high = SIZE_STEPS[place], SIZE_STEPS[place + 1] - 1
    return f"{low:,}–{high:,}" if high > low else f"{low:,}"


@dataclass(frozen=True)
class UmqiChart:
    """uMQI of one global cut by its number of clusters (logarithmic), beside the run's local clusters."""

    points: list[tuple[float, float]]
    """(x, y), by number of clusters; the best cut of each number."""
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x: float
    y: float
    """Where the run's own clusters stand."""
    right: bool
    """Whether they stand in the right half: then their words go to the left."""
    clusters: int
    umqi: float
    best: float
    best_clusters: int
    """The best cut, and how many clusters it makes."""
    is_best: bool
    """Whether the run's clusters are that very cut."""

    @property
    def line(self) -> str:
        return " ".join(f"{x},{y}" for x, y in self.points)


def umqi_chart(run: ClusterRun, partition: int) -> UmqiChart | None:
    """The curve of Zhao et al. 2018, Fig. 5(a), with the run's own clusters on it. None if not computed."""
    tables = run.curves.get("umqi") or []
    table = tables[partition] if partition < len(tables) else []
    part = run.summary["partitions"][partition]
    best_of: dict[int, float] = {}
    for _threshold, umqi, clusters, _largest in table:
        if clusters > 0:
            best_of[int(clusters)] = max(umqi, best_of.get(int(clusters), -1.0))
    if not best_of or not part.get("clusters") or part.get("umqi") is None:
        return None
    numbers = np.array([*sorted(best_of), part["clusters"]], dtype=np.float64)
    values = np.array([*(best_of[number] for number in sorted(best_of)), part["umqi"]])
    low, high = min(0.0, float(values.min())), max(float(values.max()), 0.01)
    across = _scaled(np.log(numbers), float(np.log(numbers.min())), float(np.log(numbers.max())))
    x = LEFT + across * (WIDTH - LEFT - RIGHT)
    y = HEIGHT - BOTTOM - _scaled(values, low, high) * (HEIGHT - TOP - BOTTOM)
    places = [(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)]
    marks = sorted({(x, f"{int(number):,}") for (x, _y), number in zip(places, numbers, strict=True)})
    ends = [marks[0], marks[-1]] if len(marks) > 1 else marks
    best_clusters = max(best_of, key=lambda number: best_of[number])
    return UmqiChart(
        points=places[:-1],
        x_ticks=[Tick(at, label) for at, label in ends],
        y_ticks=[Tick(float(HEIGHT - BOTTOM), f"{low:.2f}"), Tick(float(TOP), f"{high:.2f}")],
        x=places[-1][0],
        y=places[-1][1],
        right=bool(across[-1] > 0.5),
        clusters=part["clusters"],
        umqi=part["umqi"],
        best=best_of[best_clusters],
        best_clusters=best_clusters,
        is_best=run.configuration.get("cut") == "global",
    )


def _scaled(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return (values - low) / max(high - low, 1e-9)


@dataclass(frozen=True)
class MapPoint:
    x: float
    y: float
    kind: str
    """present or absent, as proposed."""


@dataclass(frozen=True)
class FaceMap:
    """The faces in the first two coordinates of the embedding: some of `faces`, and how many are which."""

    points: list[MapPoint]
    faces: int

    @property
    def present(self) -> int:
        return sum(point.kind == "present" for point in self.points)

    @property
    def absent(self) -> int:
        return len(self.points) - self.present


def face_map(run: ClusterRun, au: int) -> FaceMap:
    """Up to MAP_POINTS faces of the AU's embedding, each axis stretched to the picture."""
    if run.embedding is None or run.proposals is None:
        return FaceMap([], 0)
    partition = next(index for index, aus in enumerate(run.partitions) if au in aus)
    plane = np.asarray(array_read(run.embedding)[:, partition])
    codes = np.asarray(array_read(run.proposals)[:, run.aus.index(au)])
    rows = np.flatnonzero(np.isfinite(plane).all(axis=1) & (codes >= 0))
    faces = len(rows)
    if not faces:
        return FaceMap([], 0)
    if faces > MAP_POINTS:
        rows = np.sort(np.random.default_rng(run.pk).choice(rows, MAP_POINTS, replace=False))
    place = places_on_map(plane[rows])
    # Mixed, not one kind over the other: what lies on top would look like more.
    order = np.random.default_rng(run.pk).permutation(len(rows))
    return FaceMap(
        [
            MapPoint(round(float(x), 1), round(float(y), 1), "present" if code == 1 else "absent")
            for (x, y), code in zip(place[order], codes[rows][order], strict=True)
        ],
        faces,
    )


def witness_bars(witnesses: Sequence[tuple[str, float]]) -> list[tuple[str, float, float, float]]:
    """(name, weight, x, width) of each witness of a vote, bars in a picture 100 wide with zero at 50."""
    largest = max((abs(weight) for _name, weight in witnesses), default=1.0) or 1.0
    rows = []
    for (name, weight), share in zip(witnesses, (abs(w) / largest * 50 for _n, w in witnesses), strict=True):
        rows.append((name, weight, round(50 - share if weight < 0 else 50.0, 1), round(share, 1)))
    return rows
