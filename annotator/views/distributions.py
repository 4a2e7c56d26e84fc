"""How AUs are distributed over any selection of faces, by layer and against the reference."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from annotator.choices import Role
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.codes import coded_aus, layers_visible_to
from annotator.selectors.distributions import FEW, distributions, layers_chosen
from annotator.selectors.scope_words import faces_address, scope_chips
from annotator.selectors.scopes import scope_read

RAMP = [step / 10 for step in range(10)]


@login_required
@require_GET
def distributions_page(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The distributions of the address's scope in the layers chosen (`layers`, several or “3,5”)."""
    member = member_for(request.user, dataset_id)
    layers = layers_visible_to(member.user, member.dataset)
    scope = scope_read(member, request.GET.dict(), layers)
    asked = [number for word in request.GET.getlist("layers") for number in word.split(",")]
    chosen = layers_chosen(layers, asked)
    here = reverse("distributions", args=[dataset_id])
    given = dict(scope.parameters)
    if set(asked) & {str(layer.pk) for layer in layers}:
        given["layers"] = ",".join(str(layer.pk) for layer in chosen)
    shown = distributions(member, scope, layers, chosen, coded_aus(member.dataset), wait="wait" in request.GET)
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "may_review": Role(member.role) in REVIEW,
        "scope": scope,
        "layers": layers,
        "chosen": chosen,
        "shown": shown,
        "few": FEW,
        "ramp": RAMP,
        "chips": scope_chips(scope, here, given),
        "parameters": scope.parameters,
        "faces_address": faces_address(dataset_id, scope),
        "later": f"{here}?{urlencode({**given, 'wait': '1'})}",
    }
    return render(request, "annotator/distributions.html", context)
