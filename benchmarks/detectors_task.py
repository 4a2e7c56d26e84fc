"""What every part of benchmarks/detectors.py is given, and how runs become figures with intervals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.detectors_world import World, world_load
from trainer.algorithms.measures import mean_of, paired_interval

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One call of the benchmark."""

    data: Path
    work: Path
    """Finished runs lie here."""
    seeds: int
    only: str
    """Of the methods those whose name holds this."""
    quick: bool

    @cached_property
    def stills(self) -> World:
        """The stills; read only by the parts that ask."""
        return world_load(self.data, self.work, quick=self.quick)

    def chosen(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.only in name]


def compared(
    runs: Mapping[str, Sequence[Run]], pairs: Iterable[tuple[str, str]], figures: Sequence[str]
) -> dict[str, Any]:
    """Each method's figures by seed, and the differences of the pairs with intervals over the seeds. runs: by method,
    one a seed."""
    methods = {name: {figure: [run[figure] for run in told] for figure in figures} for name, told in runs.items()}
    differences = {
        f"{a} − {b}": {figure: paired(methods[a][figure], methods[b][figure]) for figure in figures}
        for a, b in pairs
        if a in methods and b in methods
    }
    return {"methods": methods, "differences": differences}


def mean(values: Sequence[float | None]) -> float:
    """Over the runs that have the figure; among a few hundred stills there may be no face of an AU."""
    return mean_of(list(values)) or 0.0


def paired(a: Sequence[float | None], b: Sequence[float | None]) -> dict[str, float | None]:
    """The difference over the seeds that both have."""
    both = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return paired_interval([x for x, _ in both], [y for _, y in both])
