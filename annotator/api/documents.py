"""The API's own description: the OpenAPI schema and the page that shows it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.views import SpectacularJSONAPIView

schema = SpectacularJSONAPIView.as_view()


@require_GET
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI over the schema. Its script is a file of ours, because the policy takes no inline one."""
    return render(request, "annotator/api_docs.html")
