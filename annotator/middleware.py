"""A strict content security policy, and errors answered in the user's words."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from annotator.errors import CorrugatorError
from annotator.selectors.access import membership

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The OpenAPI page is a third party's: it styles itself inline, and nothing of ours is on it.
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
DOCS_PATH = "/api/v1/docs/"

Handler = Callable[[HttpRequest], HttpResponse]


class ContentSecurityPolicyMiddleware:
    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.handler(request)
        policy = DOCS_POLICY if request.path == DOCS_PATH else POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if "Cache-Control" not in response.headers and not request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response


class LoginReturnMiddleware:
    """A form sent after the session ended leads to the log-in, and from there back to the page that the form
    was on: the form's own address answers no GET."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.handler(request)
        to_login = response.status_code == 302 and response["Location"].startswith(f"{reverse('login')}?")
        if to_login and request.method == "POST":
            page = urlsplit(request.headers.get("Referer", ""))
            back = f"{page.path}?{page.query}" if page.query else page.path
            here = page.netloc == request.get_host()
            response["Location"] = f"{reverse('login')}?{urlencode({'next': back if here else '/'})}"
        return response


class RefusalMiddleware:
    """Turns a CorrugatorError into a page, an htmx fragment or JSON with its status."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.handler(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, CorrugatorError):
            return None
        if request.path.startswith("/api/") or "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"detail": str(error)}, status=error.status)
        context = {"message": str(error), "status": error.status}
        if getattr(request, "htmx", False):
            return render(request, "components/_refusal.html", context, status=error.status)
        return render(request, "annotator/refusal.html", context | _place(request), status=error.status)


def _place(request: HttpRequest) -> dict[str, Any]:
    """The data set of a member who was refused in it, so that the page keeps its navigation."""
    match = request.resolver_match
    number = match.kwargs.get("dataset_id") if match else None
    member = membership(request.user, number) if number is not None else None
    return {"dataset": member.dataset, "member": member} if member else {}
