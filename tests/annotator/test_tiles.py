"""Tiles filled into moulds are those that the template makes of each face by itself."""

import re
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.template import Context, Engine, engines

from annotator.models import CodedAU
from annotator.selectors.tiles import Mark, Shot, Tile
from annotator.templatetags import tiles as moulds

BY_ITSELF = "{% for tile in tiles %}{% include name %}{% endfor %}"
BY_MOULDS = "{% load tiles %}{% tiles_render tiles name %}"
NAME = "annotator/_cluster_tile.html"
USED = re.compile(r"{%\s*tiles_render\b(?:[^%]*?\"([^\"]+)\")?")
BASE = Tile(
    face=Shot(0, 1, UUID(int=5), 90, 120, 7),
    marks=[Mark(CodedAU(au=12, bit=3), "-", "", "", 0.123, 0.31), Mark(CodedAU(au=4, bit=1), "-", "", "", 0.4, 0.2)],
    token="--",
    noise=False,
    note="0.25",
)
OTHER_TILE = {
    "face": BASE.face,
    "marks": BASE.marks[:1],
    "token": "pp",
    "noise": True,
    "reasons": ["far from <others>", "50% alike"],
    "score": 0.75,
    "kept": True,
    "note": "<b>50% & more</b>",
}
"""For each field another value than BASE's: a new field is given one here. Likewise:"""
OTHER_SHOT = {"position": 1_234_567, "pk": 22, "key": UUID(int=6), "width": 1_100, "height": 64, "dataset_id": 8}
OTHER_MARK = {
    "coded": CodedAU(au=25, bit=9),
    "own": "p",
    "weak": "a",
    "proposal": "p",
    "probability": 0.987,
    "cut": None,
}


@pytest.fixture
def engine() -> Engine:
    return engines["django"].engine


def tiles_of_all_looks(aus=(12,)):
    """Tiles of every state, with and without probability, and notes that need escaping."""
    made = []
    looks = product("pau-", ["", "p", "a"], ["", "a", "p"], [None, 0.0, 0.123, 1.0], [None, 0.31], [False, True])
    for position, (own, weak, proposal, probability, cut, noise) in enumerate(looks):
        face = Shot(position, position, uuid4(), 90 + position, 120, 7)
        marks = [Mark(CodedAU(au=au, bit=au), own, weak, proposal, probability, cut) for au in aus]
        note = ["", "0.25", "<b>50% & more</b>"][position % 3]
        made.append(Tile(face, marks, own * len(aus) + "!" * noise, noise, note=note))
    return made


def tiles_one_field_apart():
    """The tile BASE, and for each field of tile, picture and mark one that differs from it in this field alone."""
    assert {field.name for field in fields(Tile)} == OTHER_TILE.keys()
    assert set(Shot._fields) == OTHER_SHOT.keys()
    assert {field.name for field in fields(Mark)} == OTHER_MARK.keys()
    made = {name: replace(BASE, **{name: value}) for name, value in OTHER_TILE.items() if name != "face"}
    made |= {
        f"face {name}": replace(BASE, face=BASE.face._replace(**{name: value})) for name, value in OTHER_SHOT.items()
    }
    for name, value in OTHER_MARK.items():
        made[f"mark {name}"] = replace(BASE, marks=[BASE.marks[0], replace(BASE.marks[1], **{name: value})])
    return made


def templates_used(engine):
    """The names of all templates that pages fill moulds of; all of them are written out in the tag."""
    texts = [path.read_text() for folder in engine.dirs for path in Path(folder).rglob("*.html")]
    found = [name for text in texts for name in USED.findall(text)]
    assert found and all(found)
    return sorted(set(found))


def template_of_everything():
    """A template that shows whatever there is of a tile, its picture and its marks. Only probabilities are shown
    by their words: there are too many for a mould each."""
    shown = [f"{{{{ tile.{name} }}}}" for name in public(Tile) if name not in ("face", "marks")]
    shown += [f"{{{{ tile.face.{name} }}}}" for name in Shot._fields]
    marks = [f"{{{{ mark.{name} }}}}" for name in public(Mark) if name not in ("coded", "probability")]
    return " ".join([*shown, "{% for mark in tile.marks %}", *marks, "{{ mark.coded.au }}", "{% endfor %}"])


def public(kind):
    """Its fields and properties."""
    properties = {name for name in dir(kind) if isinstance(getattr(kind, name), property)}
    return sorted({field.name for field in fields(kind)} | properties)


def rendered(engine, source, **context):
    return engine.from_string(source).render(Context({"name": NAME, "dataset": {"pk": 7}, **context}))


CONTEXT = {
    "many": 1, "hint": "100% sure", "assignment": 1, "face_word": "Face", "choose_word": "Choose face",
    "query": "cluster=3&order=near",
}  # fmt: skip


def test_no_field_of_a_tile_is_forgotten_in_the_moulds_of_any_page(engine):
    """A field that a template comes to show, without a stand-in for it, shows the first tile's value on others."""
    for name in templates_used(engine):
        for field, other in tiles_one_field_apart().items():
            for tiles in ([BASE, other], [other, BASE]):
                given = {**CONTEXT, "name": name, "tiles": tiles}
                made = rendered(engine, BY_MOULDS, **given)
                assert made == rendered(engine, BY_ITSELF, **given), (name, field)


def test_a_template_may_show_everything_of_a_tile(engine, monkeypatch):
    everything = engine.from_string(template_of_everything())
    monkeypatch.setattr(engine, "get_template", lambda name: everything)
    by_itself = "{% for tile in tiles %}" + template_of_everything() + "{% endfor %}"
    for field, other in tiles_one_field_apart().items():
        for tiles in ([BASE, other], [other, BASE]):
            made = rendered(engine, BY_MOULDS, tiles=tiles)
            assert made == rendered(engine, by_itself, tiles=tiles), field


@pytest.mark.parametrize("aus", [(12,), (1, 2, 4)])
@pytest.mark.parametrize("assignment", [None, 1])
def test_moulds_make_what_the_template_makes_of_each_tile(engine, aus, assignment):
    given = {**CONTEXT, "tiles": tiles_of_all_looks(aus), "many": len(aus) - 1, "assignment": assignment}
    assert rendered(engine, BY_MOULDS, **given) == rendered(engine, BY_ITSELF, **given)


def test_a_thousand_tiles_that_look_the_same_are_rendered_once(engine, monkeypatch):
    one = tiles_of_all_looks()[3]
    tiles = [
        replace(one, face=one.face._replace(position=number), marks=[replace(one.marks[0], probability=number / 1e3)])
        for number in range(1_000)
    ]
    made = []
    monkeypatch.setattr(moulds, "_mould", lambda *given: made.append(given) or "%(position)s")
    rendered(engine, BY_MOULDS, tiles=tiles)
    assert len(made) == 1
