"""Runs in the browser: the list with its form, one run, its adoption."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import Role
from annotator.errors import Conflict, InputRefused
from annotator.selectors.access import EXPORT, MANAGE, REVIEW, member_for
from annotator.selectors.codes import blind_refuse, coded_aus
from annotator.selectors.datasets import faces_count
from annotator.services.jobs import job_send
from clustering.selectors.adoption import adoption_count, adoption_ready
from clustering.selectors.charts import face_map, size_chart, umqi_chart, witness_bars
from clustering.selectors.comparison import comparison_make, runs_chosen, runs_comparable, tiles_differing
from clustering.selectors.inputs import weak_default
from clustering.selectors.runs import (
    SEARCH_WORDS,
    SETTING_WORDS,
    clusters_first,
    run_for,
    run_rows,
    runs_of,
    settings_told,
)
from clustering.selectors.sweeps import lambda_told, sweep_planes
from clustering.services.runs import run_adopt, run_create
from clustering.views.forms import RunForm

OTHERS = 12
"""Runs that the menu of comparisons names."""


@login_required
@require_GET
def run_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    blind_refuse(member.user, member.dataset)
    dataset = member.dataset
    weak = weak_default(dataset)
    runs = runs_of(dataset)
    context = {
        "dataset": dataset,
        "member": member,
        "runs": runs,
        "comparable": [run.pk for run in runs if run.finished_at],
        "feature_sets": dataset.feature_sets.select_related("detector", "job"),
        "feature_jobs": [job for job in dataset.jobs.filter(kind="features")[:1] if job.state != "done"],
        "faces": faces_count(dataset),
        "may_manage": member.role == Role.ADMIN,
        "form": RunForm(dataset),
        "aus": coded_aus(dataset),
        "weak": weak,
    }
    return render(request, "clustering/run_list.html", context)


@login_required
@require_POST
def run_create_view(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    form = RunForm(member.dataset, request.POST)
    if not form.is_valid():
        raise InputRefused(form.complaint())
    run, job = run_create(dataset=member.dataset, user=member.user, **form.arguments())
    job_send(job)
    return redirect("run_detail", dataset_id, run.pk)


@login_required
@require_GET
def run_detail(request: HttpRequest, dataset_id: int, run_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    run = run_for(member.user, member.dataset, run_id)
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "run": run,
        "job": run.job,
        "may_manage": member.role == Role.ADMIN,
        "may_review": Role(member.role) in REVIEW,
        "others": runs_comparable(member.dataset).exclude(pk=run.pk)[:OTHERS],
        "adopted_whole": set(run.adopted_aus) == set(run.aus),
    }
    if run.finished_at is not None:
        chosen = request.GET.get("au", "")
        au = int(chosen) if chosen.isdigit() and int(chosen) in run.aus else run.aus[0]
        partition = next(index for index, aus in enumerate(run.partitions) if au in aus)
        rows = run_rows(run)
        row = next(row for row in rows if row.au == au)
        context |= {
            "settings": settings_told(run),
            "words": SETTING_WORDS,
            "searched": SEARCH_WORDS.get(run.summary.get("neighbour_search", ""), ""),
            "rows": rows,
            "au": au,
            "row": row,
            "part": run.summary["partitions"][partition],
            "sizes": size_chart(run, partition),
            "umqi": umqi_chart(run, partition),
            "map": face_map(run, au),
            "told": lambda_told(run, partition),
            "planes": sweep_planes(run, member.user, au),
            "witnesses": witness_bars(row.witnesses),
            "clusters": clusters_first(run, partition),
        }
        if not context["adopted_whole"]:
            counts_now = "count" in request.GET
            context["adoption"] = (
                adoption_count(run, member.user)
                if counts_now
                else adoption_ready(run, member.user, run.summary["faces"])
            )
    return render(request, "clustering/run_detail.html", context)


@login_required
@require_GET
def run_compare(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Two runs side by side, named in the query string as a and b; until there are two, a form to choose."""
    member = member_for(request.user, dataset_id, EXPORT)
    blind_refuse(member.user, member.dataset)
    chosen = runs_chosen(member.dataset, [request.GET.get(name, "").strip() for name in ("a", "b")])
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "runs": runs_comparable(member.dataset),
        "chosen": chosen,
    }
    if chosen.both:
        comparison = comparison_make(*chosen.both)
        au = comparison.au_chosen(request.GET.get("au", ""))
        context |= {
            "comparison": comparison,
            "au": au,
            "line": next((line for line in comparison.lines if line.au == au), None),
            "tiles": tiles_differing(comparison, au) if au is not None else [],
        }
    return render(request, "clustering/run_compare.html", context)


@login_required
@require_GET
def run_changes(request: HttpRequest, dataset_id: int, run_id: int) -> HttpResponse:
    """What adopting the run would change, alone, for htmx: among many faces it takes long to count."""
    member = member_for(request.user, dataset_id, EXPORT)
    run = run_for(member.user, member.dataset, run_id)
    if run.finished_at is None:
        raise Conflict(_("This run has not finished, so there is nothing to adopt."))
    context = {"dataset": member.dataset, "run": run, "adoption": adoption_count(run, member.user)}
    return render(request, "clustering/_run_changes.html", context)


@login_required
@require_POST
def run_adopt_view(request: HttpRequest, dataset_id: int, run_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    run = run_for(member.user, member.dataset, run_id)
    run_adopt(run=run, user=member.user)
    messages.success(request, _("Adopted: its proposals are in the review queue now."))
    return redirect("run_detail", dataset_id, run.pk)
