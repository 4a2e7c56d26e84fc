"""Exports: ordering one, seeing what it is, and taking the file away."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from annotator.errors import InputRefused
from annotator.models import Member
from annotator.selectors.access import EXPORT, member_for
from annotator.selectors.codes import blind_refuse, is_blind
from annotator.selectors.exports import (
    export_file_names,
    export_file_open,
    export_for,
    export_preview,
    export_sources,
    exports_of,
    forms_named,
)
from annotator.services import exporting
from annotator.services.jobs import job_send

PAGE = 25


class ExportForm(forms.Form):
    """What an export is asked for; shape and preset are one choice, as only some go together."""

    form = forms.ChoiceField(label=_("Form"), widget=forms.RadioSelect, initial="wide:standard")
    accept_proposals = forms.BooleanField(
        label=_("Accept unreviewed proposals"),
        required=False,
        help_text=_(
            "Where nobody has looked yet, the code that clustering proposes then counts before the weak "
            "one. Left off, such faces keep their weak codes. Either way the file says of every code "
            "where it came from."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = forms_named()
        self.fields["form"].choices = [(value, name) for value, name, _text in named]  # type: ignore[attr-defined]
        self.texts = {value: text for value, _name, text in named}


@login_required
@require_GET
def export_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    form = ExportForm(initial={"accept_proposals": member.dataset.accept_proposals})
    return _list(request, member, form)


def _list(request: HttpRequest, member: Member, form: ExportForm, status: int = 200) -> HttpResponse:
    page = Paginator(exports_of(member.dataset), PAGE).get_page(request.GET.get("page"))
    blind = is_blind(member.user, member.dataset)
    context: dict[str, Any] = {"dataset": member.dataset, "member": member, "page": page, "blind": blind}
    if getattr(request, "htmx", False):
        return render(request, "annotator/_export_table.html", context)
    context["form"] = form
    if not blind:
        try:
            context["preview"] = export_preview(member)
        except InputRefused as error:
            context["refusal"] = str(error)
    return render(request, "annotator/export_list.html", context, status=status)


@login_required
@require_POST
def export_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    form = ExportForm(request.POST)
    if not form.is_valid():
        return _list(request, member, form, status=422)
    shape, preset = form.cleaned_data["form"].split(":")
    export, job = exporting.export_create(
        dataset=member.dataset,
        user=member.user,
        shape=shape,
        preset=preset,
        accept_proposals=form.cleaned_data["accept_proposals"],
    )
    job_send(job)
    return redirect("export_detail", dataset_id, export.pk)


@login_required
@require_GET
def export_detail(request: HttpRequest, dataset_id: int, export_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    export = export_for(member.dataset, export_id)
    blind = is_blind(member.user, member.dataset)
    context = {
        "dataset": member.dataset,
        "member": member,
        "export": export,
        "job": export.job,
        "file_name": export_file_names(export)[0],
        "sources": [] if blind else export_sources(export),
        "blind": blind,
    }
    partial = getattr(request, "htmx", False)
    return render(request, "annotator/_export.html" if partial else "annotator/export_detail.html", context)


@login_required
@require_GET
def export_download(request: HttpRequest, dataset_id: int, export_id: int) -> FileResponse:
    """The table, as an attachment, read from the store piece by piece."""
    return _file(request, dataset_id, export_id, dictionary=False)


@login_required
@require_GET
def export_dictionary(request: HttpRequest, dataset_id: int, export_id: int) -> FileResponse:
    """The data dictionary, as an attachment."""
    return _file(request, dataset_id, export_id, dictionary=True)


def _file(request: HttpRequest, dataset_id: int, export_id: int, *, dictionary: bool) -> FileResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    blind_refuse(member.user, member.dataset)
    export = export_for(member.dataset, export_id)
    file = export_file_open(export, dictionary=dictionary)
    exporting.export_downloaded(export=export, user=member.user, dictionary=dictionary)
    return FileResponse(
        file,
        as_attachment=True,
        filename=export_file_names(export)[dictionary],
        content_type="text/csv; charset=utf-8",
    )
