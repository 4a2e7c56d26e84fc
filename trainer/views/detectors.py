"""Detectors in the browser: one's report, several side by side, and what may be done with one."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import Role
from annotator.errors import InputRefused
from annotator.models import Detector
from annotator.selectors.access import EXPORT, MANAGE, member_for
from annotator.selectors.film import clip_first
from annotator.services.jobs import job_send
from trainer.algorithms.methods import METHODS
from trainer.selectors.detector_card import card_make
from trainer.selectors.detector_charts import mark_of, reliability_chart, score_chart, training_groups
from trainer.selectors.detector_comparison import MOST, comparison_make
from trainer.selectors.detector_distributions import batch_chart, heat_maps, marginal_chart
from trainer.selectors.detector_events import events_shown
from trainer.selectors.detector_parts import parts_shown
from trainer.selectors.detector_reports import (
    RULES,
    USUAL_RULE,
    Evaluation,
    choice_made,
    emotions_told,
    evaluation_of,
    head_of,
    is_brief,
)
from trainer.selectors.detectors import (
    EVALUATION_NAMES,
    EVALUATIONS_TOLD,
    RULE_NAMES,
    RULES_TOLD,
    detector_for,
    detectors_shown,
    method_title,
    next_round,
    setting_rows,
    snapshot_told,
    time_taken,
)
from trainer.services.detector_files import file_stem, weights_open
from trainer.services.training import detector_promote, prediction_create
from trainer.views.sights import sight_context

OTHERS = 12
"""Detectors that the menu of comparisons names."""
RAMP = [step / 10 for step in range(1, 11)]
"""Depths of the scale beside a picture of shares."""
WORDS = {
    "rules": RULES,
    "rule_names": RULE_NAMES,
    "rules_told": RULES_TOLD,
    "evaluation_names": EVALUATION_NAMES,
    "evaluations_told": EVALUATIONS_TOLD,
}


@login_required
@require_GET
def detector_detail(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    evaluation, rule = choice_made(detector.report, request.GET.get("evaluation"), request.GET.get("rule"))
    au = au_chosen(request.GET.get("au", ""), detector)
    machine = detector.report.get("machine") or {}
    context: dict[str, Any] = {
        **WORDS,
        "dataset": member.dataset,
        "member": member,
        "detector": detector,
        "may_manage": member.role == Role.ADMIN,
        "method": method_title(detector.method),
        "head": head_of(detector.report),
        "brief": is_brief(detector.report),
        "evaluation_name": evaluation,
        "rule": rule,
        "au": au,
        "round": next_round(detector),
        "snapshot": snapshot_told(detector),
        "emotions": emotions_told(detector.report),
        "settings": setting_rows(detector),
        "parts": parts_shown(detector.report),
        "trainings": training_groups(detector.report, detector.aus, au),
        "batches": batch_chart(detector.report.get("composition"), detector.aus),
        "machine": machine,
        "took": time_taken(machine.get("seconds", detector.report.get("seconds"))),
        "ramp": RAMP,
        "others": Detector.objects.filter(dataset=member.dataset).exclude(pk=detector.pk).only("name")[:OTHERS],
        "may_clone": member.role == Role.ADMIN and detector.method in METHODS,
        **sight_context(request, detector, au),
    }
    found = evaluation_of(detector.report, evaluation, rule, detector.aus)
    if found is not None:
        context |= _evaluation_shown(found, detector, au)
        told = (detector.report.get(evaluation) or {}).get("events")
        usual = evaluation_of(detector.report, evaluation, USUAL_RULE, detector.aus)
        context["events"] = events_shown(told, usual or found, au)
        context["clip"] = clip_first(detector.dataset) if told else None
    return render(request, "trainer/detector_detail.html", context)


def au_chosen(asked: str, detector: Detector) -> int:
    """The AU that is looked at closely: the one asked for, or the first."""
    return int(asked) if asked.isdecimal() and int(asked) in detector.aus else detector.aus[0]


def _evaluation_shown(found: Evaluation, detector: Detector, au: int) -> dict[str, Any]:
    row = found.row(au)
    assert row is not None
    means = [_fold_mean(fold, found.rule) for fold in found.folds]
    return {
        "evaluation": found,
        "lines": [(one, mark_of(one.f1, one.fold_f1)) for one in found.rows],
        "mean_mark": mark_of(found.mean.f1 if found.mean else None, means),
        "fold_means": means,
        "fold_auc_means": [fold["mean_auc"] for fold in found.folds if "mean_auc" in fold],
        "row": row,
        "row_mark": mark_of(row.f1, row.fold_f1),
        "own": _own_thresholds(found, detector),
        "reliability": reliability_chart(row),
        "scores": score_chart(row),
        "marginal": marginal_chart(found.distribution, detector.aus),
        "heats": heat_maps(found.distribution, detector.aus),
    }


def _own_thresholds(found: Evaluation, detector: Detector) -> dict[int, float]:
    """The detector's thresholds by AU, where the evaluation judges each fold by its own instead."""
    if found.rule != USUAL_RULE or any(one.calls and one.calls.threshold is not None for one in found.rows):
        return {}
    return dict(zip(detector.aus, detector.thresholds, strict=False))


def _fold_mean(fold: Any, rule: str) -> float | None:
    told: dict[str, Any] = fold["rules"].get(rule) or {}
    return told.get("mean_f1")


@login_required
@require_GET
def detector_compare(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Up to four detectors side by side, named in the query string; with fewer than two, a form to choose."""
    member = member_for(request.user, dataset_id, EXPORT)
    shown = detectors_shown(member.user, member.dataset)
    there = shown.defer("report", "configuration")
    known = {str(one.pk) for one in there}
    asked = [value for value in dict.fromkeys(request.GET.getlist("d")) if value in known]
    if len(asked) > MOST:
        raise InputRefused(_("Compare %(most)d detectors at most.") % {"most": MOST})
    found = shown.in_bulk([int(value) for value in asked])
    chosen = [found[int(value)] for value in asked]
    context: dict[str, Any] = {
        **WORDS,
        "dataset": member.dataset,
        "member": member,
        "detectors": there,
        "chosen": chosen,
        "keep": "?" + urlencode({"d": [one.pk for one in chosen]}, doseq=True),
        "ramp": RAMP,
    }
    if len(chosen) > 1:
        context["comparison"] = comparison_make(
            chosen, request.GET.get("evaluation", ""), request.GET.get("rule", "")
        )
    return render(request, "trainer/detector_compare.html", context)


@login_required
@require_POST
def detector_promote_view(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    detector = detector_for(member.user, member.dataset, detector_id)
    job = detector_promote(detector=detector, user=member.user)
    if job is None:
        messages.success(request, _("Promoted. Its predictions and features are there: the next round can start."))
    else:
        messages.success(request, _("Promoted. It looks at every face now; then the next round can start."))
    return redirect("detector_detail", dataset_id, detector.pk)


@login_required
@require_POST
def detector_predict_view(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    detector = detector_for(member.user, member.dataset, detector_id)
    job, _new = prediction_create(detector=detector, user=member.user)
    job_send(job)
    return redirect("detector_detail", dataset_id, detector.pk)


@login_required
@require_GET
def detector_card(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    """The model card, as an attachment in Markdown."""
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    answer = HttpResponse(card_make(detector), content_type="text/markdown; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_stem(detector)}.md"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@login_required
@require_GET
def detector_weights(request: HttpRequest, dataset_id: int, detector_id: int) -> FileResponse:
    """The weights, as an attachment, read from the store piece by piece."""
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    return FileResponse(
        weights_open(detector=detector, user=member.user),
        as_attachment=True,
        filename=f"{file_stem(detector)}.safetensors",
        content_type="application/octet-stream",
    )
