"""Keeping a choice of faces that a page made, such as a lasso on the map or ticks in a grid."""

import numpy as np
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from numpy.typing import NDArray

from annotator.errors import InputRefused
from annotator.models import Member
from annotator.selectors.access import member_for
from annotator.selectors.codes import blind_refuse
from annotator.selectors.positions import SELECTION_MOST, positions_of_bytes, positions_read
from annotator.selectors.scope_words import faces_address
from annotator.selectors.scopes import Scope
from annotator.services.selections import selection_keep, selection_scope


@login_required
@require_POST
def selection_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Keep the faces sent. A grid's boxes `face` lead to the page about them. A form's field `faces` (“3-5,9”)
    and a body of ascending little-endian uint32 (application/octet-stream) are answered with the selection and
    the pages about it."""
    member = member_for(request.user, dataset_id)
    if "face" in request.POST or "seen" in request.POST:
        positions = positions_read(",".join(map(str, request.POST.getlist("face"))))
        return _page_of(member, positions, str(request.POST.get("au", "")))
    selection = selection_keep(dataset=member.dataset, user=member.user, positions=_positions(request))
    scope = Scope(selection=selection)
    return JsonResponse(
        {
            "selection": selection.pk,
            "size": selection.size,
            "faces": faces_address(dataset_id, scope),
            "distributions": faces_address(dataset_id, scope, "distributions"),
        }
    )


def _page_of(member: Member, positions: NDArray[np.int64], au: str) -> HttpResponse:
    """To the grid of these faces, with the codes of the AU that was shown."""
    if not len(positions):
        raise InputRefused(_("Choose at least one face."))
    blind_refuse(member.user, member.dataset)
    scope = selection_scope(dataset=member.dataset, user=member.user, positions=positions)
    return redirect(faces_address(member.dataset_id, scope, **({"au": au} if au else {})))


def _positions(request: HttpRequest) -> NDArray[np.int64]:
    if request.content_type != "application/octet-stream":
        return positions_read(str(request.POST.get("faces", "")).strip())
    if int(request.META.get("CONTENT_LENGTH") or 0) > 4 * SELECTION_MOST:
        raise InputRefused(_("A selection holds at most %(most)s faces.") % {"most": f"{SELECTION_MOST:,}"})
    return positions_of_bytes(request.body)
