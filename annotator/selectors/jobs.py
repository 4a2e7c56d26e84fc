"""Reading jobs: those of a data set, and who may stop or resume which."""

from django.db.models import QuerySet

from annotator.choices import ACTIVE_STATES, JobState, Role
from annotator.errors import NotFound
from annotator.jobs import JOB_KINDS
from annotator.models import DataSet, Job, Member
from annotator.selectors.access import EXPORT, MANAGE


def job_of(dataset: DataSet, job_id: int) -> Job:
    """The data set's job of this id. Raises NotFound for another data set's."""
    job = Job.objects.select_related("dataset", "created_by").filter(dataset=dataset, pk=job_id).first()
    if job is None:
        raise NotFound("There is no such job in this data set.")
    return job


def jobs_active(dataset: DataSet) -> QuerySet[Job]:
    """The data set's jobs that wait, run or are being cancelled, newest first, without their logs."""
    return Job.objects.filter(dataset=dataset, state__in=ACTIVE_STATES).defer("log", "curves", "checkpoint")


def job_title(job: Job) -> str:
    """What the job is, as people call it; the kind's name where no app has registered it."""
    kind = JOB_KINDS.get(job.kind)
    return kind.title if kind else job.kind


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
