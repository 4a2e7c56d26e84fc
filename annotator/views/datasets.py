"""The list of data sets, a new one, and the overview of one."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from annotator.errors import InputRefused, NotAllowed
from annotator.facs import ACTION_UNITS, REGIONS
from annotator.models import DataSet, Member
from annotator.selectors.access import may_create_datasets, member_for
from annotator.selectors.codes import coded_aus, layers_visible_to
from annotator.selectors.datasets import Figures, face_counts, faces_count, figures_of, figures_ready
from annotator.selectors.jobs import jobs_active
from annotator.selectors.listings import jobs_hushed
from annotator.selectors.next_steps import next_step
from annotator.selectors.overview import comparisons, overview
from annotator.services.datasets import dataset_create as dataset_make

REGION_NAMES = {
    "upper": gettext_lazy("Upper face"),
    "lower": gettext_lazy("Lower face"),
    "head": gettext_lazy("Head"),
    "eyes": gettext_lazy("Eyes"),
    "visibility": gettext_lazy("Visibility"),
    "other": gettext_lazy("Other"),
}


def au_choices() -> list[tuple[Any, list[tuple[int, str]]]]:
    """The catalogue as grouped choices: (region, [(number, "AU12 lip corner puller"), …])."""
    return [
        (
            REGION_NAMES[region],
            [
                (unit.number, f"AU{unit.number} {unit.name}")
                for unit in ACTION_UNITS.values()
                if unit.region == region
            ],
        )
        for region in REGIONS
    ]


class DataSetForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    description = forms.CharField(
        label=gettext_lazy("Description"),
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        help_text=gettext_lazy("Where the faces come from, and under which consent."),
    )
    aus = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Action units"),
        choices=au_choices,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("Those in an imported file are added by themselves."),
    )


def card_context(member: Member, faces: int) -> dict[str, Any]:
    """What the card of one data set shows; figures are None until they have been counted."""
    dataset = member.dataset
    figures = figures_ready(dataset, faces)
    return {
        "dataset": dataset,
        "member": member,
        "faces": faces,
        "aus": coded_aus(dataset),
        "figures": figures,
        "agreement": _agreement(dataset, member, figures) if figures else None,
        "jobs": jobs_hushed(list(jobs_active(dataset)), member.user, dataset),
        "step": next_step(dataset, member),
    }


def _agreement(dataset: DataSet, member: Member, figures: Figures) -> float | None:
    """Mean agreement of the proposal with the reference: on test faces where there are some."""
    tables = comparisons(figures, layers_visible_to(member.user, dataset))
    return tables[-1].mean.proposal if tables else None


@login_required
@require_GET
def dataset_list(request: HttpRequest) -> HttpResponse:
    memberships = (
        Member.objects.filter(user_id=request.user.pk or 0)
        .select_related("dataset", "user")
        .prefetch_related("dataset__coded_aus")
        .order_by("dataset__name")
    )
    faces = face_counts([member.dataset for member in memberships])
    cards = [card_context(member, faces.get(member.dataset_id, 0)) for member in memberships]
    return render(request, "annotator/dataset_list.html", {"cards": cards})


@login_required
@require_GET
def dataset_card(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """One card of the list, for htmx: while jobs run, and where its figures take long to count."""
    member = member_for(request.user, dataset_id)
    if "count" in request.GET:
        figures_of(member.dataset)
    card = card_context(member, faces_count(member.dataset))
    return render(request, "annotator/_dataset_card.html", {"card": card})


@login_required
@require_http_methods(["GET", "POST"])
def dataset_create(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not user.is_authenticated or not may_create_datasets(user):
        raise NotAllowed(_("Only the server's admins may create data sets."))
    form = DataSetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            dataset = dataset_make(user=user, **form.cleaned_data)
        except InputRefused as error:
            form.add_error("name", str(error))
        else:
            return redirect("dataset_detail", dataset.pk)
    return render(request, "annotator/dataset_create.html", {"form": form})


@login_required
@require_GET
def dataset_detail(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The overview. With many faces the figures come after the page, or at once by ?count=now."""
    member = member_for(request.user, dataset_id)
    dataset = member.dataset
    faces = faces_count(dataset)
    figures = figures_of(dataset) if "count" in request.GET else figures_ready(dataset, faces)
    context: dict[str, Any] = {
        "dataset": dataset,
        "member": member,
        "faces": faces,
        "step": next_step(dataset, member),
        "jobs": jobs_hushed(list(jobs_active(dataset)), member.user, dataset),
        "protocol": dataset.protocols.latest("version"),
        "overview": overview(dataset, member.user, figures, _layer_asked(request)) if figures else None,
    }
    return render(request, "annotator/dataset_detail.html", context)


@login_required
@require_GET
def dataset_figures(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The figures alone, for htmx."""
    member = member_for(request.user, dataset_id)
    shown = overview(member.dataset, member.user, figures_of(member.dataset), _layer_asked(request))
    return render(
        request,
        "annotator/_dataset_figures.html",
        {"dataset": member.dataset, "member": member, "overview": shown},
    )


def _layer_asked(request: HttpRequest) -> int | None:
    asked = request.GET.get("layer", "")
    return int(asked) if asked.isdecimal() else None
