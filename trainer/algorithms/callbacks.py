"""How long work reports and stops: one callback out, one question in, one exception."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1, never falling) and a short message for people."""

CancelCheck = Callable[[], bool]
"""Asked between batches; once it answers true, the work raises `Cancelled`."""


class Cancelled(Exception):
    """The caller asked for the work to stop; nothing half made was kept."""


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
