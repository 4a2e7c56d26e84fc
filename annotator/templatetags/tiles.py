"""Thousands of tiles out of one template.

The template is rendered once for all tiles that look the same, with stand-ins where they differ: the face and
its picture, the probabilities, the note. What comes of it is a mould, and filling it costs a hundredth of a
rendering.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django import template
from django.template import Context, Template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from annotator.selectors.tiles import Mark, Shot, Tile

register = template.Library()

POSITION, WIDTH, HEIGHT = 7_310_058_246_190_001, 7_310_058_246_190_002, 7_310_058_246_190_003
"""Stand for a face's position and size: numbers, for addresses and attributes take nothing else."""
KEY = UUID("5eed0000-dead-4bad-8bad-c0ffee15bad0")
NOTE = "stand-in-note"


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


@register.simple_tag(takes_context=True)
def tiles_render(context: Context, tiles: Sequence[Tile], name: str) -> SafeString:
    """The tiles by the template of this name, which finds each as `tile`, as an include in a loop would."""
    used = context.template.engine.get_template(name)  # type: ignore[union-attr]
    moulds: dict[tuple[Any, ...], str] = {}
    filled = []
    for tile in tiles:
        marks = tile.marks
        look = (
            tile.noise,
            tile.kept,
            tile.token,
            not tile.note,
            *[
                (mark.coded.au, mark.own, mark.weak, mark.proposal, mark.cut, mark.probability is None)
                for mark in marks
            ],
        )
        if look not in moulds:
            moulds[look] = _mould(context, used, tile)
        face = tile.face
        values: dict[str, Any] = {
            "position": face.position,
            "width": face.width,
            "height": face.height,
            "key": face.key.hex,
            "note": escape(tile.note) if tile.note else "",
        }
        for place, mark in enumerate(marks):
            values[f"share-{place}"], values[f"exact-{place}"] = mark.share, mark.share_exact
        filled.append(moulds[look] % values)
    return mark_safe("".join(filled))  # a rendered template, and values that are escaped


def _mould(context: Context, used: Template, tile: Tile) -> str:
    """What the template makes of such a tile, to be filled by %."""
    face = Shot(POSITION, 0, KEY, WIDTH, HEIGHT, tile.face.dataset_id)
    marks: list[Mark] = [
        _MarkMould(mark.coded, mark.own, mark.weak, mark.proposal, mark.probability, mark.cut, place)
        for place, mark in enumerate(tile.marks)
    ]
    with context.push(tile=replace(tile, face=face, marks=marks, note=NOTE if tile.note else "")):
        mould = used.render(context).replace("%", "%%")
    slots = {str(POSITION): "position", str(WIDTH): "width", str(HEIGHT): "height", KEY.hex: "key", NOTE: "note"}
    for place in range(len(marks)):
        slots |= {f"stand-in-share-{place}-": f"share-{place}", f"stand-in-exact-{place}-": f"exact-{place}"}
    for stand_in, slot in slots.items():
        mould = mould.replace(stand_in, f"%({slot})s")
    return mould
