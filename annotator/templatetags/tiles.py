"""Thousands of tiles out of one template.

The template is rendered once for all tiles that look the same, with stand-ins where they differ: the face and
its picture, the probabilities, the note. What comes of it is a mould, and filling it costs a hundredth of a
rendering. Tiles look the same that are alike in every field without a stand-in: a new field makes more moulds
until it has one, and never shows one tile's value on another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any
from uuid import UUID

from django import template
from django.template import Context, Template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from annotator.selectors.tiles import Mark, Tile

register = template.Library()

POSITION, WIDTH, HEIGHT, PK = (7_310_058_246_190_000 + number for number in range(1, 5))
"""Stand for a face's position, size and id: numbers, for addresses and attributes take nothing else."""
KEY = UUID("5eed0000-dead-4bad-8bad-c0ffee15bad0")
NOTE = "stand-in-note"
FILLED = {
    "tile": {"face", "marks", "note"},
    "face": {"position", "pk", "key", "width", "height"},
    "mark": {"coded", "probability"},
}
"""The fields that have stand-ins, or are looked into; of an AU its number tells all."""


@dataclass(frozen=True)
class _MarkMould(Mark):
    """A mark without its figures."""

    place: int = 0

    @property
    def share(self) -> str:
        return f"stand-in-share-{self.place}-" if self.probability is not None else ""

    @property
    def share_exact(self) -> str:
        return f"stand-in-exact-{self.place}-"


_readers: dict[type, Callable[[Any], tuple[Any, ...]]] = {}
"""What reads an object's fields that have no stand-in, by its class."""


@register.simple_tag(takes_context=True)
def tiles_render(context: Context, tiles: Sequence[Tile], name: str) -> SafeString:
    """The tiles by the template of this name, which finds each as `tile`, as an include in a loop would."""
    used = context.template.engine.get_template(name)  # type: ignore[union-attr]
    moulds: dict[tuple[Any, ...], str] = {}
    filled = []
    for tile in tiles:
        marks = tile.marks
        look = _look(tile)
        if look not in moulds:
            moulds[look] = _mould(context, used, tile)
        face = tile.face
        values: dict[str, Any] = {
            "position": face.position,
            "width": face.width,
            "height": face.height,
            "pk": face.pk,
            "hex": face.key.hex,
            "key": face.key,
            "note": escape(tile.note) if tile.note else "",
        }
        for place, mark in enumerate(marks):
            values[f"share-{place}"], values[f"exact-{place}"] = mark.share, mark.share_exact
        filled.append(moulds[look] % values)
    return mark_safe("".join(filled))  # a rendered template, and values that are escaped


def _look(tile: Tile) -> tuple[Any, ...]:
    """What a tile has in common with those that come out of the same mould."""
    return (
        not tile.note,
        _rest(tile, "tile"),
        _rest(tile.face, "face"),
        *[(mark.coded.au, mark.probability is None, _rest(mark, "mark")) for mark in tile.marks],
    )


def _rest(given: Any, name: str) -> tuple[Any, ...]:
    """The fields that have no stand-in, and the class."""
    read = _readers.get(type(given))
    if read is None:
        named = getattr(given, "_fields", None) or [field.name for field in fields(given)]
        read = _readers[type(given)] = attrgetter("__class__", *[one for one in named if one not in FILLED[name]])
    return tuple(tuple(value) if isinstance(value, list) else value for value in read(given))


def _mould(context: Context, used: Template, tile: Tile) -> str:
    """What the template makes of such a tile, to be filled by %."""
    face = tile.face._replace(position=POSITION, pk=PK, key=KEY, width=WIDTH, height=HEIGHT)
    marks: list[Mark] = [_MarkMould(**vars(mark), place=place) for place, mark in enumerate(tile.marks)]
    with context.push(tile=replace(tile, face=face, marks=marks, note=NOTE if tile.note else "")):
        mould = used.render(context).replace("%", "%%")
    slots = {str(POSITION): "position", str(PK): "pk", str(WIDTH): "width", str(HEIGHT): "height"}
    slots |= {KEY.hex: "hex", str(KEY): "key", NOTE: "note"}
    for place in range(len(marks)):
        slots |= {f"stand-in-share-{place}-": f"share-{place}", f"stand-in-exact-{place}-": f"exact-{place}"}
    for stand_in, slot in slots.items():
        mould = mould.replace(stand_in, f"%({slot})s")
    return mould
