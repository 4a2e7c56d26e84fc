"""Tiles filled into moulds are those that the template makes of each face by itself."""

from dataclasses import replace
from itertools import product
from uuid import uuid4

import pytest
from django.template import Context, Engine, engines

from annotator.models import CodedAU
from annotator.selectors.tiles import Mark, Shot, Tile
from annotator.templatetags import tiles as moulds

BY_ITSELF = "{% for tile in tiles %}{% include name %}{% endfor %}"
BY_MOULDS = "{% load tiles %}{% tiles_render tiles name %}"
NAME = "annotator/_cluster_tile.html"


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


def rendered(engine, source, **context):
    return engine.from_string(source).render(Context({"name": NAME, "dataset": {"pk": 7}, **context}))


@pytest.mark.parametrize("aus", [(12,), (1, 2, 4)])
@pytest.mark.parametrize("assignment", [None, 1])
def test_moulds_make_what_the_template_makes_of_each_tile(engine, aus, assignment):
    given = {
        "tiles": tiles_of_all_looks(aus), "many": len(aus) - 1, "hint": "100% sure", "assignment": assignment,
        "face_word": "Face", "choose_word": "Choose face",
    }  # fmt: skip
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
