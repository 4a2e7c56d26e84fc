"""A job's page, its progress card, and the buttons that stop or resume it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator.errors import NotAllowed
from annotator.models import Job, Member
from annotator.selectors.access import member_for
from annotator.selectors.jobs import job_address, job_of, job_place, job_steerable
from annotator.selectors.listings import job_shown
from annotator.services import jobs


@login_required
@require_GET
def job_detail(request: HttpRequest, dataset_id: int, job_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id)
    job = job_shown(member.user, member.dataset, job_id)
    context = {"dataset": member.dataset, "member": member, "job": job, "place": job_place(job, member)}
    return render(request, "annotator/job_detail.html", context)


@login_required
@require_GET
def job_progress(request: HttpRequest, dataset_id: int, job_id: int) -> HttpResponse:
    """The card alone, for htmx to poll; the answer that finds the job ended says so once, by an event."""
    member = member_for(request.user, dataset_id)
    return _card(request, member, job_shown(member.user, member.dataset, job_id))


def _card(request: HttpRequest, member: Member, job: Job) -> HttpResponse:
    response = render(request, "components/_job.html", {"member": member, "job": job})
    if not job.active:
        response["HX-Trigger-After-Settle"] = "jobEnded"
    return response


@login_required
@require_POST
def job_cancel(request: HttpRequest, dataset_id: int, job_id: int) -> HttpResponse:
    member, job = _steered(request, dataset_id, job_id)
    return _answer(request, member, jobs.job_cancel(job=job))


@login_required
@require_POST
def job_resume(request: HttpRequest, dataset_id: int, job_id: int) -> HttpResponse:
    member, job = _steered(request, dataset_id, job_id)
    job = jobs.job_resume(job=job)
    jobs.job_send(job)
    return _answer(request, member, job)


def _steered(request: HttpRequest, dataset_id: int, job_id: int) -> tuple[Member, Job]:
    member = member_for(request.user, dataset_id)
    job = job_of(member.dataset, job_id)
    if not job_steerable(job, member):
        raise NotAllowed(_("Only an admin, or who started this job, may stop or resume it."))
    return member, job


def _answer(request: HttpRequest, member: Member, job: Job) -> HttpResponse:
    if getattr(request, "htmx", False):
        return _card(request, member, job_shown(member.user, member.dataset, job.pk))
    return redirect(job_address(job, member))
