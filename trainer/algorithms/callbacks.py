"""How long work reports and stops: one callback out, one question in, one exception."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1, never falling) and a short message for people."""

CancelCheck = Callable[[], bool]
"""Asked between batches; once it answers true, the work raises `Cancelled`."""


class Cancelled(Exception):
    """The caller asked for the work to stop; nothing half made was kept."""


@dataclass(frozen=True)
class EpochReport:
    """How one training stands after an epoch."""

    stage: str
    """Which network of the work: fold-0, fold-1, ... or detector."""
    epoch: int
    epochs: int
    loss: float
    """Mean over the epoch's steps of what was minimised."""
    losses: dict[str, float]
    """Its parts by name, where it has several."""
    validation_loss: float | None
    validation_f1: list[float | None]
    """F1 of each AU on validation faces at a probability of one half; None where it has no present code."""
    learning_rate: float
    examples_per_second: float
    seconds_left: float | None
    """Of the whole work, as far as it can be told."""

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON-ready dict."""
        return asdict(self)


EpochListener = Callable[[EpochReport], None]
"""Called after each epoch."""


def epoch_ignore(report: EpochReport) -> None:
    """The epoch listener of those who don't listen."""


def progress_ignore(fraction: float, message: str) -> None:
    """The progress callback of those who don't listen."""


def cancel_never() -> bool:
    """The cancel check of those who never stop the work."""
    return False


def cancel_raise(cancelled: CancelCheck) -> None:
    """Raise `Cancelled` if the caller has asked to stop."""
    if cancelled():
        raise Cancelled


def progress_part(progress: Progress, start: float, end: float, prefix: str = "") -> Progress:
    """A progress callback for one part of a larger work: its 0 to 1 becomes `start` to `end`."""

    def report(fraction: float, message: str) -> None:
        progress(start + (end - start) * min(1.0, max(0.0, fraction)), f"{prefix}{message}")

    return report
