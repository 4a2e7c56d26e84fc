"""Training in the browser: the list of detectors, the order of a training with its check, a training live."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from annotator.choices import Role
from annotator.errors import InputRefused
from annotator.models import DataSet, Member
from annotator.selectors.access import EXPORT, MANAGE, member_for
from annotator.selectors.codes import blind_refuse
from annotator.services.jobs import job_send
from trainer.algorithms.methods import METHODS
from trainer.algorithms.settings import PAPER, PRESETS, QUICK
from trainer.selectors.curves import au_curves, epoch_lines, f1_chart, loss_chart
from trainer.selectors.detectors import detectors_shown
from trainer.selectors.snapshots import training_check
from trainer.selectors.trainings import (
    SOURCES,
    Order,
    Training,
    detector_rows,
    jobs_at_work,
    log_tail,
    order_of,
    settings_changed,
    time_left,
    training_for,
    training_told,
    trainings_stopped,
)
from trainer.services.training import training_create
from trainer.views.forms import TrainingForm

PAGE = 25
PRESET_NAMES: dict[str, Promise] = {
    QUICK: gettext_lazy("Quick, for small machines"),
    PAPER: gettext_lazy("As in the paper"),
}
CHECKED_AT_ONCE = 20_000
"""Up to so many faces the check is made with the page; of more the page asks for it once it is shown."""


@login_required
@require_GET
def detector_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    page = Paginator(detectors_shown(member.user, member.dataset), PAGE).get_page(request.GET.get("page"))
    context = {
        "dataset": member.dataset,
        "member": member,
        "page": page,
        "rows": detector_rows(page),
        "jobs": jobs_at_work(member.dataset),
        "stopped": trainings_stopped(member.dataset),
        "faces": member.dataset.faces.exists(),
        "may_manage": member.role == Role.ADMIN,
    }
    return render(request, "trainer/detector_list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def detector_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The order of a training. GET `method`, `preset`, `clone`, `name` and the sources fill it; POST starts it, or
    with `look` only checks it once more."""
    member = member_for(request.user, dataset_id, MANAGE)
    blind_refuse(member.user, member.dataset)
    if getattr(request, "htmx", False) and request.htmx.target == "check":  # type: ignore[attr-defined]
        return _check(request, member)
    if request.method == "POST":
        method, preset = _method(request.POST.get("method", "")), _preset(request.POST.get("preset", ""))
        form = TrainingForm(method, request.POST, preset=preset)
        return _start(request, member, form)
    order = order_of(member.user, member.dataset, request.GET["clone"]) if request.GET.get("clone") else None
    method = order.settings.method if order else _method(request.GET.get("method", ""))
    initial = None if order else {**_sources_asked(request, member.dataset), "name": request.GET.get("name", "")}
    preset = _preset(request.GET.get("preset", ""))
    return _form(request, member, TrainingForm(method, preset=preset, order=order, initial=initial), order=order)


def _method(asked: str) -> str:
    return asked if asked in METHODS else next(iter(METHODS))


def _preset(asked: str) -> str:
    return asked if asked in PRESETS else QUICK


def _sources_asked(request: HttpRequest, dataset: DataSet) -> dict[str, bool]:
    """The sources named in the address; where it names none, the data set's own rule about proposals."""
    if "chosen" in request.GET:
        return {source: source in request.GET for source in SOURCES}
    return {"proposals": dataset.accept_proposals, "weak": False}


def _start(request: HttpRequest, member: Member, form: TrainingForm) -> HttpResponse:
    if "look" in request.POST:
        return _form(request, member, form)
    if form.is_valid():
        try:
            job, new = training_create(
                dataset=member.dataset,
                user=member.user,
                method=form.method.name,
                settings=form.settings,
                preset=form.preset,
                name=form.cleaned_data["name"],
                sources=form.sources,
            )
        except InputRefused as error:
            form.add_error(None, str(error))
        else:
            job_send(job)
            if not new:
                messages.info(request, _("This very training was at work already."))
            return redirect("training_detail", member.dataset_id, job.pk)
    return _form(request, member, form, status=422)


def _form(
    request: HttpRequest, member: Member, form: TrainingForm, *, order: Order | None = None, status: int = 200
) -> HttpResponse:
    at_once = member.dataset.next_position <= CHECKED_AT_ONCE or request.method == "POST"
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "form": form,
        "methods": METHODS.values(),
        "presets": PRESET_NAMES.items(),
        "order": order,
    }
    if at_once:
        context |= _checked(member.dataset, form.sources_shown, form["folds"].value())
    return render(request, "trainer/detector_create.html", context, status=status)


def _check(request: HttpRequest, member: Member) -> HttpResponse:
    """The check alone, for htmx."""
    sources = {source: source in request.GET for source in SOURCES}
    context = {"dataset": member.dataset, "member": member}
    context |= _checked(member.dataset, sources, request.GET.get("folds"))
    return render(request, "trainer/_check.html", context)


def _checked(dataset: DataSet, sources: dict[str, bool], folds: Any) -> dict[str, Any]:
    asked = str(folds)
    check = training_check(dataset, sources, folds=min(max(int(asked), 2), 20) if asked.isdecimal() else 3)
    return {
        "check": check,
        "stops": [problem for problem in check.problems if problem.stops],
        "warnings": [problem for problem in check.problems if not problem.stops],
    }


@login_required
@require_GET
def training_detail(request: HttpRequest, dataset_id: int, job_id: int) -> HttpResponse:
    """A training, whatever its state. htmx asks for the live part, and gets 204 while nothing has changed."""
    member = member_for(request.user, dataset_id, EXPORT)
    training = training_told(training_for(member.user, member.dataset, job_id))
    live = bool(getattr(request, "htmx", False))
    if live and request.GET.get("seen") == training.mark:
        return HttpResponse(status=204)
    context = {"dataset": member.dataset, "member": member, "live": live, **_shown(request, training)}
    context |= {"may_manage": member.role == Role.ADMIN}
    return render(request, "trainer/_training_live.html" if live else "trainer/training_detail.html", context)


def _shown(request: HttpRequest, training: Training) -> dict[str, Any]:
    network, others = training.chosen(request.GET.get("network", ""))
    log, earlier = log_tail(training.job)
    counts = training.job.counts
    return {
        "training": training,
        "job": training.job,
        "network": network,
        "followed": request.GET.get("network", ""),
        "loss": loss_chart(network, others),
        "f1": f1_chart(network, others),
        "au_curves": au_curves(network, others, training.aus),
        "epochs": epoch_lines(network),
        "others": others,
        "left": time_left(counts.get("seconds_left")) if training.job.active else "",
        "log": log,
        "log_earlier": earlier,
        "changed": settings_changed(training.job),
    }
