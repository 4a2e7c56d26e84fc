"""How long work tells how far it is, and how it is stopped: two callbacks and one exception."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a short message."""
Cancel = Callable[[], bool]
"""Asked between steps; True means stop."""


class Cancelled(Exception):
    """The `cancelled` callback said stop. Work handed to callbacks before that stays valid."""


def progress_ignore(fraction: float, message: str) -> None:
    """A progress callback that drops what it hears."""


def cancel_never() -> bool:
    """A cancel callback that never stops anything."""
    return False


def cancel_check(cancelled: Cancel | None) -> None:
    """Raise `Cancelled` when the callback asks for it."""
    if cancelled is not None and cancelled():
        raise Cancelled("The work was cancelled.")


def progress_part(progress: Progress | None, start: float, stop: float, *, before: str = "") -> Progress:
    """A callback for one part of the work, whose 0 to 1 is the caller's `start` to `stop`; `before` is put
    before its messages."""
    if progress is None:
        return progress_ignore
    whole = progress

    def report(fraction: float, message: str) -> None:
        whole(start + (stop - start) * min(max(fraction, 0.0), 1.0), before + message)

    return report
