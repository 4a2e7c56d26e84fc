"""For whoever watches the server: does it live, can it work, what does it hold."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from annotator.errors import NotFound
from annotator.selectors.health import CountsCollector, health_problems

LOOPBACK = ("127.0.0.1", "::1")


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, broker and workers are there, 503 with the reasons otherwise."""
    problems = health_problems()
    return JsonResponse({"ready": not problems, "problems": problems}, status=503 if problems else 200)


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Counts for Prometheus: for the machine itself, or with the token of CORRUGATOR_METRICS_TOKEN."""
    if not _may_watch(request):
        raise NotFound(_("There is no such page."))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CountsCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_watch(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN:
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # A proxy on this machine comes from loopback too, but says for whom.
    return request.META.get("REMOTE_ADDR") in LOOPBACK and "X-Forwarded-For" not in request.headers
