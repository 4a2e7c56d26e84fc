"""A data set's settings: name and rules, its AU list, and the protocol; admins only."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from annotator.choices import Coding, Laterality
from annotator.errors import InputRefused
from annotator.models import DataSet, Member
from annotator.selectors.access import MANAGE, member_for
from annotator.selectors.codes import coded_aus
from annotator.services.dataset_settings import au_list_change, dataset_change
from annotator.services.datasets import protocol_change as protocol_make
from annotator.views.datasets import au_choices


class SettingsForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    description = forms.CharField(
        label=gettext_lazy("Description"), widget=forms.Textarea(attrs={"rows": 3}), required=False
    )
    accept_proposals = forms.BooleanField(
        label=gettext_lazy("Accept proposals that nobody has reviewed"),
        required=False,
        help_text=gettext_lazy("Then they count before the weak labels, in exports and in training."),
    )
    retention_until = forms.DateField(
        label=gettext_lazy("Keep until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("The date by which the consent asks for deletion. Nothing is deleted by itself."),
    )


class AUListForm(forms.Form):
    aus = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Action units"),
        choices=au_choices,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("Those you take off are hidden; their codes stay and come back with them."),
    )


class ProtocolForm(forms.Form):
    coding = forms.ChoiceField(label=gettext_lazy("Coding"), choices=Coding.choices, widget=forms.RadioSelect)
    present_from = forms.TypedChoiceField(
        label=gettext_lazy("Present from intensity"),
        choices=list(zip(range(1, 6), "ABCDE", strict=True)),
        coerce=int,
        help_text=gettext_lazy("An AU weaker than this counts as absent."),
    )
    laterality = forms.ChoiceField(label=gettext_lazy("Sides"), choices=Laterality.choices, widget=forms.RadioSelect)
    coders_per_item = forms.TypedChoiceField(
        label=gettext_lazy("Coders for each cluster or face"),
        choices=[(1, gettext_lazy("One")), (2, gettext_lazy("Two: double coding"))],
        coerce=int,
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("Kept with the new version."),
    )


@login_required
@require_http_methods(["GET", "POST"])
def dataset_settings(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    if request.method == "GET":
        return _page(request, member)
    form = SettingsForm(request.POST)
    if form.is_valid():
        try:
            dataset_change(dataset=member.dataset, user=member.user, **form.cleaned_data)
        except InputRefused as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("The settings are saved."))
            return redirect("dataset_settings", dataset_id)
    return _page(request, member, settings_form=form)


@login_required
@require_POST
def dataset_aus(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    form = AUListForm(request.POST)
    if not form.is_valid():
        return _page(request, member, au_form=form)
    au_list_change(dataset=member.dataset, user=member.user, aus=form.cleaned_data["aus"])
    messages.success(request, _("The AU list is saved."))
    return redirect("dataset_settings", dataset_id)


@login_required
@require_POST
def protocol_change(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """A new version of the protocol, where anything differs from the present one."""
    member = member_for(request.user, dataset_id, MANAGE)
    form = ProtocolForm(request.POST)
    if not form.is_valid():
        return _page(request, member, protocol_form=form)
    wanted = dict(form.cleaned_data)
    note = wanted.pop("note")
    present = _protocol_values(member.dataset)
    changes = {key: value for key, value in wanted.items() if present[key] != value}
    if not changes:
        messages.info(request, _("Nothing differs: the protocol stays at version %d.") % present["version"])
        return redirect("dataset_settings", dataset_id)
    protocol = protocol_make(dataset=member.dataset, user=member.user, note=note, **changes)
    messages.success(
        request,
        _("Version %d of the protocol holds from now on. Earlier codes stay under the version they were made by.")
        % protocol.version,
    )
    return redirect("dataset_settings", dataset_id)


def _protocol_values(dataset: DataSet) -> dict[str, Any]:
    latest = dataset.protocols.latest("version")
    return {
        key: getattr(latest, key) for key in ("coding", "present_from", "laterality", "coders_per_item", "version")
    }


def _page(
    request: HttpRequest,
    member: Member,
    *,
    settings_form: SettingsForm | None = None,
    au_form: AUListForm | None = None,
    protocol_form: ProtocolForm | None = None,
) -> HttpResponse:
    """The settings page; a form given is one that has errors, so that the answer is a 422."""
    dataset = DataSet.objects.get(pk=member.dataset_id)
    present = {key: getattr(dataset, key) for key in ("name", "description", "accept_proposals", "retention_until")}
    status = 422 if settings_form or au_form or protocol_form else 200
    context = {
        "dataset": dataset,
        "member": member,
        "settings_form": settings_form or SettingsForm(initial=present),
        "au_form": au_form or AUListForm(initial={"aus": [coded.au for coded in coded_aus(dataset)]}),
        "protocol_form": protocol_form or ProtocolForm(initial=_protocol_values(dataset)),
        "protocols": dataset.protocols.select_related("created_by"),
        "hidden": dataset.coded_aus.filter(hidden=True),
    }
    return render(request, "annotator/dataset_settings.html", context, status=status)
