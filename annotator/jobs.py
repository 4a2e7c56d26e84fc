"""The registry of job kinds. clustering and trainer add theirs at start-up, so that neither is
imported here. A runner is named, not imported: the web process never loads what it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from annotator.services.job_running import JobContext

QUEUES = ("io", "cpu", "gpu")


@dataclass(frozen=True)
class JobKind:
    """One kind of long work."""

    name: str
    title: str
    queue: str
    runner: str
    """Dotted path of `runner(context: JobContext) -> dict`, whose result is kept in the job row."""

    def resolve(self) -> "Callable[[JobContext], dict[str, Any]]":
        runner: Callable[[JobContext], dict[str, Any]] = import_string(self.runner)
        return runner


JOB_KINDS: dict[str, JobKind] = {}


def job_kind_register(kind: JobKind) -> None:
    if kind.queue not in QUEUES:
        raise ValueError(f"{kind.name}: no queue {kind.queue!r}; there are {', '.join(QUEUES)}.")
    JOB_KINDS[kind.name] = kind
