"""Reading jobs: those of a data set, and who may stop or resume which."""

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from annotator.choices import ACTIVE_STATES, JobState, Role
from annotator.errors import NotFound
from annotator.jobs import JOB_KINDS
from annotator.models import DataSet, Job, Member
from annotator.selectors.access import EXPORT, MANAGE


def job_of(dataset: DataSet, job_id: int) -> Job:
    """The data set's job of this id. Raises NotFound for another data set's."""
    job = Job.objects.select_related("dataset", "created_by").filter(dataset=dataset, pk=job_id).first()
    if job is None:
        raise NotFound(_("There is no such job in this data set."))
    return job


def jobs_active(dataset: DataSet) -> QuerySet[Job]:
    """The data set's jobs that wait, run or are being cancelled, newest first, without their logs."""
    return Job.objects.filter(dataset=dataset, state__in=ACTIVE_STATES).defer("log", "curves", "checkpoint")


def job_title(job: Job) -> str:
    """What the job is, as people call it, with the name it was given; the kind's name where no app has
    registered it."""
    kind = JOB_KINDS.get(job.kind)
    title = kind.title if kind else job.kind
    return f"{title}: {job.params['name']}" if job.params.get("name") else title


def job_place(job: Job, member: Member) -> tuple[str, str] | None:
    """What the job works on or made, as (address, name); None where the member may not open it."""
    role = Role(member.role)
    batch, run, export = job.imports.first(), job.runs.first(), job.exports.first()
    if batch and role in MANAGE:
        return reverse("import_detail", args=[job.dataset_id, batch.pk]), batch.labels_file
    if run and role in EXPORT:
        return reverse("run_detail", args=[job.dataset_id, run.pk]), _("Run %d") % run.pk
    if export and role in EXPORT:
        name = _("Export of revision %d") % export.revision
        return reverse("export_detail", args=[job.dataset_id, export.pk]), name
    if job.kind == "features" and role in EXPORT:
        return reverse("run_list", args=[job.dataset_id]), _("Feature sets")
    if job.kind == "projection":
        return reverse("map", args=[job.dataset_id]), _("Map")
    if job.kind == "training" and role in EXPORT:
        return job_address(job, member), _("Curves and settings")
    if job.kind in ("prediction", "sight", "attribution") and role in EXPORT:
        address = reverse("detector_detail", args=[job.dataset_id, job.params.get("detector") or 0])
        if job.kind == "attribution":
            address += f"?face={job.params.get('face')}#sees-face"
        return address, _("Detector %s") % job.params.get("detector")
    return None


def job_address(job: Job, member: Member | None) -> str:
    """The page that shows the job at work: a training's own for those who may open it, or else the job's."""
    own = job.kind == "training" and member is not None and Role(member.role) in EXPORT
    return reverse("training_detail" if own else "job_detail", args=[job.dataset_id, job.pk])


def job_counts(job: Job) -> list[tuple[str, str]]:
    """(name, count) of what the job has counted, as people read them."""
    counts = []
    for name, count in job.counts.items():
        if name == "seconds_left":
            if job.active:
                counts.append((_("minutes left"), f"{max(1, round(count / 60)):,}"))
        else:
            shown = f"{round(count):,}" if isinstance(count, int | float) else str(count)
            counts.append((_("faces a second") if name == "examples_per_second" else name, shown))
    return counts


def job_steerable(job: Job, member: Member | None) -> bool:
    """Whether the member may cancel or resume this job: admins may, whoever may export may do so with
    exports, and everybody with the jobs they started while their role still lets them read."""
    if member is None or member.dataset_id != job.dataset_id:
        return False
    allowed = EXPORT if job.kind == "export" else MANAGE
    return Role(member.role) in allowed or job.created_by_id == member.user_id


def job_actions(job: Job, member: Member | None) -> dict[str, bool]:
    """Which buttons the member gets for this job now: {"cancel": …, "resume": …}."""
    steerable = job_steerable(job, member)
    return {
        "cancel": steerable and job.state in (JobState.QUEUED, JobState.RUNNING),
        "resume": steerable and job.state in (JobState.FAILED, JobState.CANCELLED),
    }
