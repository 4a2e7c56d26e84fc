"""What can go wrong, said in the user's words; views answer them with a page, commands with a line."""


class CorrugatorError(Exception):
    """Something the user can understand and act on; `str(error)` is the sentence shown."""

    status = 400


class InputRefused(CorrugatorError):
    """What was given can't be used, and why."""


class NotAllowed(CorrugatorError):
    """The person is a member but their role doesn't permit this."""

    status = 403


class NotFound(CorrugatorError):
    """No such thing, or none this person may know of."""

    status = 404


class Conflict(CorrugatorError):
    """Somebody else changed this meanwhile; nothing was written."""

    status = 409


class JobCancelled(Exception):
    """Raised inside a job when its cancellation was asked for."""


class LeaseLost(Exception):
    """Raised inside a job when another worker has taken it over."""
