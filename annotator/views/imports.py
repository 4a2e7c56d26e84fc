"""Imports in the browser: files, columns, the job, and the rows that could not be imported."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator.errors import CorrugatorError, InputRefused
from annotator.formats.cells import formula_guard
from annotator.models import DataSet, ImportBatch, ImportRow, Member
from annotator.selectors.access import MANAGE, member_for
from annotator.selectors.imports import (
    image_place,
    import_for,
    import_preview,
    imports_of,
    mapping_of,
    problem_rows,
    problems_export,
    sample_rows,
)
from annotator.services import importing
from annotator.services.importing_faces import FaceFinder
from annotator.services.importing_places import server_files_find, server_folders
from annotator.services.importing_tables import TABLE_SUFFIXES, archive_tables, table_read
from annotator.services.jobs import job_send
from annotator.views.import_forms import MappingForm, SourceForm, mapping_form
from annotator.views.import_uploads import StreamHandler, Upload, uploads_stream

PROBLEMS_PER_PAGE = 50
IMPORTS_PER_PAGE = 25
BAD_SHOWN = 8


@login_required
@require_GET
def import_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    page = Paginator(imports_of(member.dataset), IMPORTS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"dataset": member.dataset, "member": member, "page": page}
    return render(request, "annotator/import_list.html", context)


# Exempt outside, protected inside: the upload must be told where to go before the token is read.
@csrf_exempt
@login_required
@require_http_methods(["GET", "POST"])
def import_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    handler = uploads_stream(request) if request.method == "POST" else None
    try:
        return _import_create(request, member, handler)
    finally:
        if handler:
            handler.discard_unless_kept()


@csrf_protect
def _import_create(request: HttpRequest, member: Member, handler: StreamHandler | None) -> HttpResponse:
    form = SourceForm(request.POST or None)
    if handler is None:
        return _create_page(request, member, form)
    try:
        if not form.is_valid():
            raise InputRefused(_("Choose what is imported, and from where."))
        batch = _batch_prepare(member, form.cleaned_data, handler.uploads)
    except CorrugatorError as error:
        form.add_error(None, str(error))
        return _create_page(request, member, form, status=422)
    handler.kept = True
    return redirect("import_mapping", member.dataset_id, batch.pk)


def _create_page(request: HttpRequest, member: Member, form: SourceForm, status: int = 200) -> HttpResponse:
    context = {
        "dataset": member.dataset,
        "member": member,
        "form": form,
        "has_folders": bool(server_folders()),
        "has_faces": member.dataset.faces.exists(),
        "limit": settings.UPLOAD_LIMIT_BYTES,
    }
    return render(request, "annotator/import_create.html", context, status=status)


def _batch_prepare(member: Member, chosen: dict[str, Any], uploads: list[Upload]) -> ImportBatch:
    """The batch of the files that were uploaded or named; InputRefused where they don't make one."""
    common = {
        "dataset": member.dataset,
        "user": member.user,
        "with_pictures": chosen["content"] == "faces",
        "layer_kind": chosen["layer_kind"],
    }
    if chosen["place"] == "server":
        root = server_folders()[int(chosen["folder"])] if chosen["folder"] else None
        if root is None:
            raise InputRefused(_("Choose a folder on the server."))
        files = server_files_find(root=root, inner=chosen["inner"], labels=chosen["labels"])
        return importing.import_prepare(
            labels_path=files.labels, labels_file=files.labels.name, pictures=files.pictures, **common
        )
    tables = [upload for upload in uploads if not upload.is_archive]
    archives = [upload for upload in uploads if upload.is_archive]
    if not uploads:
        raise InputRefused(_("Choose the files to upload: a CSV, and the pictures as ZIP files."))
    _uploads_check(uploads)
    if len(tables) > 1:
        names = ", ".join(upload.name for upload in tables[:5])
        raise InputRefused(_("One label file at a time: %s were sent. Pictures go into ZIP files.") % names)
    if not tables and len(archives) > 1:
        raise InputRefused(_("Send the label file beside the ZIP files, or one ZIP file that holds all."))
    if common["with_pictures"] and not archives:
        raise InputRefused(
            _(
                "“%s” came without pictures. Choose it again together with their ZIP files; or, if its faces are "
                "here already, say so under “What it holds”."
            )
            % uploads[0].name
        )
    labels = (tables or archives)[0]
    return importing.import_prepare(
        labels_path=labels.path,
        labels_file=labels.name,
        pictures=[upload.path for upload in archives],
        owns_files=True,
        **common,
    )


def _uploads_check(uploads: list[Upload]) -> None:
    """Raises InputRefused for a file that is of no use, by its name."""
    for upload in uploads:
        if not upload.is_archive and Path(upload.name).suffix.lower() not in TABLE_SUFFIXES:
            raise InputRefused(
                _("“%s” is neither a label file nor a ZIP file. Choose a CSV, and the pictures as ZIP files.")
                % upload.name
            )


@login_required
@require_http_methods(["GET", "POST"])
def import_mapping(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponse:
    """GET shows the columns as guessed or kept; POST keeps them and, if nothing is wrong, starts."""
    member = member_for(request.user, dataset_id, MANAGE)
    batch = import_for(member.dataset, batch_id)
    if batch.job_id is not None:
        return redirect("import_detail", dataset_id, batch_id)
    if not batch.header:
        return _table_page(request, member, batch)
    page = MappingPage(member, batch)
    if request.method == "GET":
        return render(request, "annotator/import_mapping.html", page.context())
    page.form.read(request.POST)
    if page.preview.faults or request.POST.get("action") != "start":
        status = 422 if page.preview.faults else 200
        return render(request, "annotator/import_mapping.html", page.context(), status=status)
    form = page.form
    batch = importing.import_map(
        batch=batch,
        mapping=form.mapping,
        split_roles=form.split_roles,
        layer_kind=form.layer_kind,
        layer=form.layer,
    )
    job_send(importing.import_start(batch=batch, user=member.user))
    return redirect("import_detail", dataset_id, batch_id)


class MappingPage:
    """The table, the form and the check of one batch, each made when first asked for."""

    def __init__(self, member: Member, batch: ImportBatch) -> None:
        self.member, self.batch = member, batch
        self.table = table_read(batch.labels_path)
        self.rows = sample_rows(self.table)
        self.form: MappingForm = mapping_form(batch, self.table, mapping_of(batch))

    @cached_property
    def preview(self) -> Any:
        form = self.form
        kind = form.layer.kind if form.layer else form.layer_kind
        finder = None if self.batch.with_pictures else FaceFinder(self.batch.dataset).find
        return import_preview(self.table, form.mapping, form.split_roles, kind, faces_find=finder)

    def context(self) -> dict[str, Any]:
        bad = self.preview.bad_by_reason()
        return {
            "dataset": self.member.dataset,
            "member": self.member,
            "batch": self.batch,
            "preview": self.preview,
            "bad": list(bad.items())[:BAD_SHOWN],
            "more_bad": max(0, len(bad) - BAD_SHOWN),
            **self.form.context(self.rows),
        }


@login_required
@require_POST
def import_check(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponse:
    """What the first rows would become with the columns as they stand in the form; nothing is kept."""
    member = member_for(request.user, dataset_id, MANAGE)
    batch = import_for(member.dataset, batch_id)
    if not batch.header or batch.job_id is not None:
        raise InputRefused(_("There is nothing left to check: load the page again."))
    page = MappingPage(member, batch)
    page.form.read(request.POST)
    return render(request, "annotator/_import_rules.html", page.context())


@login_required
@require_GET
def import_matches(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponse:
    """Whether the first rows find their pictures or faces: a wrong folder is seen before the start."""
    member = member_for(request.user, dataset_id, MANAGE)
    batch = import_for(member.dataset, batch_id)
    context: dict[str, Any] = {"with_pictures": batch.with_pictures}
    try:
        context["matches"] = importing.import_matches(batch=batch)
    except InputRefused as error:
        context["refused"] = str(error)
    return render(request, "annotator/_import_matches.html", context)


def _table_page(request: HttpRequest, member: Member, batch: ImportBatch) -> HttpResponse:
    """An archive with several tables: which one?"""
    if request.method == "POST":
        importing.import_table_choose(batch=batch, table=request.POST.get("table", ""))
        return redirect("import_mapping", member.dataset_id, batch.pk)
    context = {
        "dataset": member.dataset,
        "member": member,
        "batch": batch,
        "tables": archive_tables(batch.labels_path),
    }
    return render(request, "annotator/import_table.html", context)


@login_required
@require_POST
def import_start(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponse:
    """Start the import with the columns as they are kept, or take a broken-off one up again."""
    member = member_for(request.user, dataset_id, MANAGE)
    batch = import_for(member.dataset, batch_id)
    job_send(importing.import_start(batch=batch, user=member.user))
    return redirect("import_detail", dataset_id, batch_id)


@login_required
@require_POST
def import_discard(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    importing.import_discard(batch=import_for(member.dataset, batch_id))
    messages.success(request, _("The import is discarded; the data set is as it was."))
    return redirect("import_list", dataset_id)


@login_required
@require_GET
def import_detail(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    batch = import_for(member.dataset, batch_id)
    if batch.job_id is None:
        return redirect("import_mapping", dataset_id, batch_id)
    paginator = ProblemPages(problem_rows(batch).only("batch", "line", "cells", "problem"), PROBLEMS_PER_PAGE)
    paginator.total = batch.problems
    page = paginator.get_page(request.GET.get("page"))
    place = image_place(batch)
    context = {
        "dataset": member.dataset,
        "member": member,
        "batch": batch,
        "job": batch.job,
        "page": page,
        "problems": [(row.line, _image_of(row, place), row.problem) for row in page],
    }
    return render(request, "annotator/import_detail.html", context)


class ProblemPages(Paginator):  # type: ignore[type-arg]
    """Pages of problems whose number the batch knows: nothing is counted for a page."""

    total = 0

    @cached_property
    def count(self) -> int:
        return self.total


def _image_of(row: ImportRow, place: int | None) -> str:
    cells: list[str] = row.cells
    return cells[place][:200] if place is not None and place < len(cells) else ""


@login_required
@require_GET
def import_problems(request: HttpRequest, dataset_id: int, batch_id: int) -> HttpResponseBase:
    """All problems of an import as a CSV: line, reason, and the cells as they were given."""
    dataset: DataSet = member_for(request.user, dataset_id, MANAGE).dataset
    batch = import_for(dataset, batch_id)

    def lines() -> Iterator[str]:
        writer = csv.writer(_Echo())
        for row in problems_export(batch):
            yield writer.writerow([formula_guard(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-problems.csv"'
    return response


class _Echo:
    """What csv.writer writes to: it gives each line back."""

    def write(self, line: str) -> str:
        return line
