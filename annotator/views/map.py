"""The map: faces as points on a plane, coloured, chosen, and looked at beside it.

The page asks for three kinds of things: coordinates, which never change; colours, which carry a mark that
changes with them; and positions of faces to show, found by any scope. All three come as few bytes a face.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET
from numpy.typing import NDArray

from annotator.choices import ProjectionMethod, Role
from annotator.errors import InputRefused, NotFound
from annotator.models import Member, Projection
from annotator.selectors import map_colours
from annotator.selectors.access import MANAGE, REVIEW, admins_named, member_for
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import blind_refuse, layers_visible_to
from annotator.selectors.columns import Columns
from annotator.selectors.projections import method_default, projection_for, projection_jobs, projections_of
from annotator.selectors.scope_words import scope_words
from annotator.selectors.scopes import PARAMETERS, scope_positions, scope_read
from annotator.selectors.tiles import faces_at

FRESH = "private, no-cache"
"""Kept by the browser, and asked for each time whether it is still so."""
WAY_WORDS = {
    "code": gettext_lazy("codes"),
    "differ": gettext_lazy("disagreement"),
    "cluster": gettext_lazy("clusters"),
    "subject": gettext_lazy("subject"),
    "score": gettext_lazy("detector score"),
}
HIGHLIGHTS = ("face", *PARAMETERS)


def member_of_map(request: HttpRequest, dataset_id: int) -> Member:
    """The member, unless a blind assignment hides from them what the map shows."""
    member = member_for(request.user, dataset_id)
    blind_refuse(member.user, member.dataset)
    return member


@login_required
@require_GET
def map_page(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_of_map(request, dataset_id)
    dataset = member.dataset
    values = request.GET.dict()
    projection = projection_for(dataset, str(values.get("projection", "")))
    choices = map_colours.map_choices(member)
    asked = map_colours.map_asked(choices, values)
    highlight = {name: values[name] for name in HIGHLIGHTS if values.get(name)}
    context: dict[str, Any] = {
        "dataset": dataset,
        "member": member,
        "projection": projection,
        "projections": projections_of(dataset) if projection else [],
        "jobs": projection_jobs(dataset),
        "may_manage": Role(member.role) in MANAGE,
        "may_review": Role(member.role) in REVIEW,
        "methods": ProjectionMethod,
        "choices": choices,
        "asked": asked,
        "highlight": urlencode(highlight),
        "words": json.dumps(_words()),
        "none": _words()["none"],
        "ways": [(way, WAY_WORDS[way]) for way in choices.ways],
        "method_default": method_default(dataset.faces.count()),
        "faces_page": reverse("face_list", args=[dataset_id]),
        "selections": reverse("selection_create", args=[dataset_id]),
        "consequences": reverse("faces_consequences", args=[dataset_id]),
    }
    if projection is None:
        context |= {"featured": dataset.feature_sets.exists(), "whom": admins_named(member)}
    else:
        context |= {"points": _points_address(projection), "missing": _missing(projection)}
    return render(request, "annotator/map.html", context)


def _words() -> dict[str, str]:
    """What the page's script says; %s is a number."""
    return {
        "none": _("No face is chosen. Draw around some on the map, click one, or find them by name."),
        "one": _("1 face chosen"),
        "chosen": _("%s faces chosen"),
        "shown": _("%s faces on the map"),
        "shown_one": _("1 face on the map"),
        "empty": _("There is no face in what you drew."),
        "nothing": _("No face was found."),
        "unplaced": _("These faces are not on the map: they came after it was made."),
        "some": _("%s of them are not on this map"),
        "more": _("and %s more"),
        "face": _("Face"),
        "away": _("The server did not answer. Try again."),
    }


def _points_address(projection: Projection) -> str:
    return reverse("map_points", args=[projection.dataset_id]) + f"?projection={projection.pk}"


def _missing(projection: Projection) -> int:
    """How many positions were given since the map was made."""
    return max(0, projection.dataset.next_position - int(projection.coordinates.shape[0]))


@login_required
@require_GET
def map_points(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The coordinates: little-endian float32, two for each position, NaN where there is no face."""
    member = member_of_map(request, dataset_id)
    projection = projection_for(member.dataset, request.GET.get("projection", ""))
    if projection is None:
        raise NotFound(_("No map has been made of these faces yet."))
    # A withdrawal stores the array anew, under another name.
    mark = f'"{projection.coordinates.name.rpartition("-")[2]}"'
    if request.headers.get("If-None-Match") == mark:
        return _marked(HttpResponseNotModified(), mark)
    body = np.ascontiguousarray(array_read(projection.coordinates), "<f4").tobytes()
    return _marked(HttpResponse(body, content_type="application/octet-stream"), mark)


@login_required
@require_GET
def map_colour_values(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The colours asked for, framed (see `framed`): one number for each position."""
    member = member_of_map(request, dataset_id)
    choices = map_colours.map_choices(member)
    asked = map_colours.map_asked(choices, request.GET.dict())
    columns = Columns(member.dataset)
    mark = f'"{map_colours.map_stamp(choices, asked, columns)}"'
    if request.headers.get("If-None-Match") == mark:
        return _marked(HttpResponseNotModified(), mark)
    colouring = map_colours.map_colouring(choices, asked, columns)
    head = {
        "words": colouring.words,
        "entries": colouring.entries,
        "scale": colouring.scale,
        "steps": map_colours.STEPS,
        "none": map_colours.NO_SCORE,
        "rest": colouring.rest,
        "moves": colouring.moves,
    }
    return _marked(framed(head, colouring.values), mark)


@login_required
@require_GET
def map_positions(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The faces of a scope (or of `face`, one number), framed: ascending positions as uint32."""
    member = member_of_map(request, dataset_id)
    values = request.GET.dict()
    if number := str(values.pop("face", "")):
        values["faces"] = number
    layers = layers_visible_to(member.user, member.dataset)
    scope = scope_read(member, values, layers)
    if scope.everything:
        raise InputRefused(_("Say which faces: a subject, a picture's or a clip's name, or a face's number."))
    found = scope_positions(member.dataset, scope)
    positions = np.zeros(0, np.int64) if found is None else found
    words = ngettext("%(n)s face: %(scope)s", "%(n)s faces: %(scope)s", len(positions)) % {
        "n": f"{len(positions):,}",
        "scope": scope_words(scope),
    }
    return framed({"words": words, "size": len(positions)}, positions.astype(np.uint32))


@login_required
@require_GET
def map_face(request: HttpRequest, dataset_id: int, position: int) -> JsonResponse:
    """What is shown beside the pointer: thumbnail, name, subject."""
    member = member_of_map(request, dataset_id)
    face = faces_at(member.dataset, [position]).get(position) if position < 1 << 63 else None
    if face is None:
        raise NotFound(_("There is no such face."))
    return JsonResponse(
        {
            "position": face.position,
            "image": face.image,
            "subject": face.subject.pseudonym if face.subject else "",
            "thumbnail": reverse("face_thumbnail", args=[dataset_id, face.key.hex]),
            "page": reverse("face_detail", args=[dataset_id, face.position]),
        }
    )


def framed(head: Mapping[str, Any], values: NDArray[Any]) -> HttpResponse:
    """Words and numbers in one answer, which then belong together: the length of the head as uint32, the head
    as JSON, spaces up to a multiple of four bytes, then the numbers, little-endian. The head tells their width."""
    told = json.dumps({**head, "bytes": values.dtype.itemsize, "count": len(values)}).encode()
    told += b" " * (-len(told) % 4)
    body = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return HttpResponse(struct.pack("<I", len(told)) + told + body, content_type="application/octet-stream")


def _marked(response: HttpResponse, mark: str) -> HttpResponse:
    response["ETag"] = mark
    response["Cache-Control"] = FRESH
    return response
