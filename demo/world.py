"""A believable world: drawn faces, weak labels, people, features, a run, a map, ready for review.

Every step looks first whether it is done already, so that an interrupted preparation goes on and a
finished one returns at once.
"""

from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import User

from annotator.choices import JobState, LayerKind, Role
from annotator.errors import CorrugatorError
from annotator.models import DataSet, ImportBatch, Job, Member
from annotator.selectors.imports import mapping_of
from annotator.services.datasets import dataset_create
from annotator.services.importing import import_map, import_prepare, import_start
from annotator.services.job_running import job_run
from annotator.services.jobs import job_cancel, job_resume
from clustering.services.projections import projection_create
from clustering.services.runs import run_adopt, run_create
from demo.faces import DemoFiles, faces_draw
from trainer.services.features import features_create

NAME = "Demo faces"
DESCRIPTION = (
    "Drawn faces of sixty people who don't exist. The weak labels come from a deliberately weak detector; "
    "a third of the faces has reference codes, some for training, some kept for testing."
)
PEOPLE = {
    "alice": Role.ADMIN,
    "dora": Role.ADJUDICATOR,
    "bob": Role.CODER,
    "cleo": Role.CODER,
    "ana": Role.ANALYST,
}
SEED = 1

Echo = Callable[[str, float, str], None]
"""Called with the step's title, its share done and a message."""


def world_prepare(*, folder: Path, faces: int, echo: Echo) -> DataSet:
    """The demo data set, made as far as it is missing: import, features, run, adoption, map.

    Raises CorrugatorError with the words of the job that failed.
    """
    files = faces_draw(
        folder, faces=faces, seed=SEED, progress=lambda share, text: echo("Drawing faces", share, text)
    )
    people = {name: _person(name) for name in PEOPLE}
    alice = people["alice"]
    dataset = DataSet.objects.filter(name=NAME).first() or dataset_create(
        name=NAME, user=alice, description=DESCRIPTION
    )
    for name, role in PEOPLE.items():
        Member.objects.get_or_create(dataset=dataset, user=people[name], defaults={"role": role})
    _imported(dataset, alice, files, files.labels, LayerKind.WEAK, echo)
    _imported(dataset, alice, files, files.reference, LayerKind.REFERENCE, echo)
    dataset.refresh_from_db()
    if not dataset.feature_sets.exists():
        _ended(features_create(dataset=dataset, user=alice, seed=SEED)[0], "Looking at every face", echo)
    run = dataset.runs.exclude(finished_at=None).last()
    if run is None:
        run, job = run_create(dataset=dataset, user=alice, seed=SEED)
        _ended(job, "Clustering", echo)
        run.refresh_from_db()
    if not dataset.runs.exclude(adopted_at=None).exists():
        run_adopt(run=run, user=alice)
    _map, drawing = projection_create(dataset=dataset, user=alice, seed=SEED)
    if drawing is not None:
        _ended(drawing, "Drawing the map", echo)
    return dataset


def _person(name: str) -> User:
    """An account without a password: its one-time link is the way in."""
    user, made = User.objects.get_or_create(username=name, defaults={"is_staff": name == "alice"})
    if made:
        user.set_unusable_password()
        user.save()
    return user


def _imported(dataset: DataSet, user: User, files: DemoFiles, table: Path, kind: LayerKind, echo: Echo) -> None:
    batch = ImportBatch.objects.filter(dataset=dataset, labels_file=table.name).first()
    if batch is not None and batch.finished_at is not None:
        return
    if batch is None or batch.job is None:
        with_pictures = kind == LayerKind.WEAK
        batch = import_prepare(
            dataset=dataset,
            user=user,
            labels_path=table,
            labels_file=table.name,
            pictures=[files.pictures] if with_pictures else [],
            with_pictures=with_pictures,
            layer_kind=kind,
        )
        roles = {} if with_pictures else {"train": ["train_gt"], "test": ["test"]}
        batch = import_map(batch=batch, mapping=mapping_of(batch), split_roles=roles)
    _ended(import_start(batch=batch, user=user), f"Importing {table.name}", echo)


def _ended(job: Job, title: str, echo: Echo) -> None:
    """Run the job here to its end; one that an interrupted preparation left behind is taken up."""
    if job.state in (JobState.RUNNING, JobState.CANCELLING):
        Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED, claim="")
        job.refresh_from_db()
        job = job_resume(job=job)
    done = job_run(job.pk, echo=lambda share, text: echo(title, share, text))
    if done.state != JobState.DONE:
        if done.active:
            job_cancel(job=done)
        raise CorrugatorError(f"{title}: {done.error or 'it was stopped; run the command again to go on.'}")
