"""What every page's template can use."""

from typing import Any

from django.http import HttpRequest

from annotator.selectors.access import may_create_datasets


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    return {"may_create_datasets": bool(user and may_create_datasets(user))}
