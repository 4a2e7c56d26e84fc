"""Pages of the API, cut by a position or id: `?after=…&limit=…`, answered with where to go on."""

import re
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from annotator.errors import InputRefused

LIMIT = 100
MOST = 1_000
WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
"""Never more than a database's integer holds."""

PAGE_PARAMETERS = [
    OpenApiParameter("after", int, description="Go on behind this one: the `next` of the page before."),
    OpenApiParameter("limit", int, description=f"How many, {LIMIT} unless told, {MOST} at most."),
]


def number_asked(request: Request, name: str, default: int | None = None) -> int | None:
    """The whole number under this name in the query string. Raises InputRefused for anything else."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not WHOLE.fullmatch(text):
        raise InputRefused(f"{name} must be a whole number.")
    return int(text)


def page_asked(request: Request) -> tuple[int, int]:
    """(after, limit) of the request."""
    after = number_asked(request, "after", -1)
    limit = number_asked(request, "limit", LIMIT)
    if limit is None or not 1 <= limit <= MOST:
        raise InputRefused(f"limit must lie between 1 and {MOST}.")
    return -1 if after is None else after, limit


def page_of(rows: list[dict[str, Any]], key: str, limit: int) -> dict[str, Any]:
    """{"results", "next"}; `next` is None once a page isn't full."""
    return {"results": rows, "next": rows[-1][key] if len(rows) == limit else None}


class PageSerializer(serializers.Serializer[dict[str, Any]]):
    """What every page has; the pages below add `results`."""

    next = serializers.IntegerField(allow_null=True, help_text="Give it as `after` to get the next page.")
