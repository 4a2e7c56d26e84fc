"""The page on which people give commands keys of their own choice."""

import json
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from annotator.keys import COMMANDS, CONTEXTS, LONGEST, NAMED, PAGES, Command, KeyBook, key_label
from annotator.selectors.keys import key_book
from annotator.services.keys import KeysRefused, key_map_change


@dataclass(frozen=True)
class Row:
    """One command on the page: what its field holds, what is wrong with it, where it holds."""

    command: Command
    value: str
    default: str
    problem: str
    pages: str

    @property
    def changed(self) -> bool:
        return self.value != self.default


@login_required
@require_http_methods(["GET", "POST"])
def key_map(request: HttpRequest) -> HttpResponse:
    """The keys by context; a POST sets all that differ, or with `reset` puts one or all (“*”) back."""
    user = request.user
    assert user.is_authenticated
    if request.method == "GET":
        return _page(request, key_book(user))
    typed = {command.name: request.POST[command.name] for command in COMMANDS if command.name in request.POST}
    reset = request.POST.get("reset", "")
    typed = {} if reset == "*" else {name: text for name, text in typed.items() if name != reset}
    try:
        key_map_change(user=user, typed=typed, off=reset != "*" and "off" in request.POST)
    except KeysRefused as refused:
        return _page(request, key_book(user), typed, refused.problems, status=422)
    messages.success(request, _("All keys are as they were.") if reset == "*" else _("Your keys are saved."))
    return redirect("key_map")


def _page(
    request: HttpRequest,
    book: KeyBook,
    typed: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    groups: list[tuple[Promise, list[Row]]] = []
    for name, title in CONTEXTS.items():
        rows = [_row(one, book, typed or {}, problems or {}) for one in COMMANDS if one.context == name]
        groups.append((title, rows))
    context: dict[str, Any] = {
        "groups": groups,
        "off": "off" in request.POST if typed is not None else book.off,
        "problems": problems,
        "longest": LONGEST,
        "names": json.dumps({key: str(label) for key, label in NAMED.items()}),
    }
    return render(request, "annotator/key_map.html", context, status=status)


def _row(command: Command, book: KeyBook, typed: dict[str, str], problems: dict[str, str]) -> Row:
    now = "".join(key_label(key) for key in book.keys[command.name][:1])
    return Row(
        command=command,
        value=typed.get(command.name, now)[:LONGEST],
        default="".join(key_label(key) for key in command.keys[:1]),
        problem=problems.get(command.name, ""),
        pages=" ".join(page for page, contexts in PAGES.items() if command.context in contexts),
    )
