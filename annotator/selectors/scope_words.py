"""A scope in words: each condition as a chip that leads to the same page without it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotator.choices import FaceRole
from annotator.facs import au_label
from annotator.selectors.positions import positions_read
from annotator.selectors.review import CODE_WORDS
from annotator.selectors.scopes import Scope


@dataclass(frozen=True)
class Chip:
    """One condition of a scope."""

    name: str
    """Its parameter in an address."""
    words: str
    without: str
    """The page without it."""
    cluster: int | None = None
    """The cluster that it names."""


def scope_chips(scope: Scope, here: str, parameters: Mapping[str, str] | None = None) -> list[Chip]:
    """The conditions in words; `here` is the page's address, and `parameters` the whole of its query where
    it holds more than the scope."""
    given = dict(scope.parameters if parameters is None else parameters)
    chips = []
    for name, words, left in _conditions(scope):
        rest = {key: value for key, value in {**given, name: left}.items() if value}
        cluster = scope.cluster.pk if name == "cluster" and scope.cluster else None
        chips.append(Chip(name, words, f"{here}?{urlencode(rest)}" if rest else here, cluster))
    return chips


def scope_words(scope: Scope) -> str:
    """The scope in one line: “subject Ann, weak: AU12 present”; “all faces” without a condition."""
    return ", ".join(words for _name, words, _left in _conditions(scope)) or _("all faces")


def _conditions(scope: Scope) -> Iterator[tuple[str, str, str]]:
    """Of each condition its parameter, its words, and what is left of the parameter without it."""
    if scope.q:
        yield "q", _("matching “%(text)s”") % {"text": scope.q}, ""
    if scope.role:
        yield "role", _("role %(role)s") % {"role": str(FaceRole(scope.role).label).lower()}, ""
    for name, words in (
        ("split", _("split %(text)s")),
        ("subject", _("subject %(text)s")),
        ("clip", _("clip %(text)s")),
    ):
        if text := getattr(scope, name):
            yield name, words % {"text": text}, ""
    if scope.cluster is not None:
        numbers = {"number": scope.cluster.number, "run": scope.cluster.run_id}
        yield "cluster", _("cluster %(number)s of run %(run)s") % numbers, ""
    if scope.faces:
        yield "faces", _chosen_words(len(positions_read(scope.faces))), ""
    if scope.selection is not None:
        yield "selection", _chosen_words(scope.selection.size), ""
    for one in scope.where:
        said = {"layer": one.layer.name, "au": au_label(one.coded.au), "code": CODE_WORDS[one.code.replace("n", "-")]}
        rest = ",".join(str(other) for other in scope.where if other != one)
        yield "where", _("%(layer)s: %(au)s %(code)s") % said, rest
    for two in scope.differ:
        told = {"one": two.one.name, "other": two.other.name, "au": au_label(two.coded.au)}
        rest = ",".join(str(other) for other in scope.differ if other != two)
        yield "differ", _("%(one)s and %(other)s differ on %(au)s") % told, rest


def _chosen_words(count: int) -> str:
    return ngettext("a selection of %(faces)s face", "a selection of %(faces)s faces", count) % {
        "faces": f"{count:,}"
    }


def faces_address(dataset_id: int, scope: Scope, name: str = "face_list", **more: str) -> str:
    """The page of this name about the scope's faces."""
    given = {**scope.parameters, **more}
    here = reverse(name, args=[dataset_id])
    return f"{here}?{urlencode(given)}" if given else here
