"""What an undo leads back to, against going through each face's decisions AU by AU."""

import random
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.choices import DecisionKind, Intensity, Mode, Scope
from annotator.masks import BITS
from annotator.models import Decision, DecisionFace, Label
from annotator.selectors.columns import rows_read
from annotator.selectors.review import coder_layer, undo_depth, undone_of
from annotator.services.decisions import decision_make, decision_undo
from annotator.services.standing_codes import codes_turned
from tests.factories import faces_make

NEITHER = Intensity.NOT_SCORED << 4 | Intensity.NOT_SCORED
MASKS = ("present", "scored", "unscorable")


def decide(dataset, user, draw):
    kind = draw.choice(
        [DecisionKind.RELABEL] * 4 + [DecisionKind.NOISE, DecisionKind.UNSCORABLE, DecisionKind.RESTORE]
    )
    given = {"kind": kind, "faces": draw.sample(range(6), draw.randint(1, 6)), "aus": draw.sample([4, 12, 25], 2)}
    if kind == DecisionKind.NOISE:
        given["aus"] = []
    elif kind == DecisionKind.RELABEL and draw.random() < 0.5:
        given |= {"aus": given["aus"][:1], "sides": (draw.choice([1, 3, 5]), draw.choice([None, 2, 4]))}
    elif kind == DecisionKind.RELABEL:
        given["code"] = draw.choice(["present", "absent"])
    return decision_make(
        dataset=dataset, user=user, mode=Mode.ASSISTED, scope=Scope.SELECTION, client_id=uuid.uuid4(), sure=True,
        **given,
    )  # fmt: skip


def value(row, when, bit):
    """One AU of one face: its three masks' bits, and its intensities."""
    packed = getattr(row, f"{when}intensities")
    sides = NEITHER if packed is None else bytes(packed)[bit]
    return (*[getattr(row, f"{when}{name}") >> bit & 1 for name in MASKS], sides)


def speaks(word, bit):
    decision = word.decision
    if value(word, "old_", bit) != value(word, "new_", bit):
        return True
    several = decision.aus & (decision.aus - 1)
    unsure = decision.kind == DecisionKind.NOISE or (decision.kind == DecisionKind.CONFIRM and several)
    return bool(decision.aus >> bit & 1) and not unsure


def speaks_of_noise(word):
    return word.decision.kind == DecisionKind.NOISE or word.old_noise != word.new_noise


def row_of(layer, face_id):
    return layer.labels.filter(face=face_id).first() or Label(layer=layer, face_id=face_id)


def turned_slowly(decision, layer):
    """{face: (each AU's value, noise)} of the decision's faces once it is undone, or taken back."""
    root, stands = decision, undo_depth(decision) % 2 == 1
    while root.undoes is not None:
        root = root.undoes
    every = DecisionFace.objects.filter(decision__user=layer.user, decision__undoes=None).order_by("decision_id")
    undone = undone_of(set(every.values_list("decision_id", flat=True)))
    undone = undone - {root.pk} if stands else undone | {root.pk}
    told = {}
    for about in root.faces.all():
        now = row_of(layer, about.face_id)
        words = list(every.filter(face=about.face_id).select_related("decision"))
        values = []
        for bit in range(BITS):
            then = value(now, "", bit)
            said = [word for word in words if speaks(word, bit)] if speaks(about, bit) else []
            if said:
                then = value(said[0], "old_", bit)
            for word in said:
                then = then if word.decision_id in undone else value(word, "new_", bit)
            values.append(then)
        noise = now.noise
        said = [word for word in words if speaks_of_noise(word)] if speaks_of_noise(about) else []
        if said:
            noise = said[0].old_noise
        for word in said:
            noise = noise if word.decision_id in undone else word.new_noise
        told[about.face_id] = (values, noise)
    return told


def state(layer, face_id):
    row = row_of(layer, face_id)
    return [value(row, "", bit) for bit in range(BITS)], row.noise


@pytest.mark.parametrize("seed", range(4))
def test_undos_in_any_order_lead_where_each_face_s_own_decisions_lead(dataset, cast, seed):
    draw = random.Random(seed)
    faces_make(dataset, 6)
    for _step in range(14):
        open_ = list(Decision.objects.filter(user=cast.bob, undone_by=None).select_related("undoes__undoes__undoes"))
        if not open_ or draw.random() < 0.6:
            decide(dataset, cast.bob, draw)
            continue
        chosen, layer = draw.choice(open_), coder_layer(dataset, cast.bob)
        expected = turned_slowly(chosen, layer)
        decision_undo(user=cast.bob, decision=chosen, client_id=uuid.uuid4())
        assert {face: state(layer, face) for face in expected} == expected


def test_as_many_questions_for_many_faces_and_decisions_as_for_few(dataset, cast):
    faces_make(dataset, 40)
    layer, counts = None, []
    for faces, times in ((range(2), 1), (range(40), 6)):
        for _time in range(times):
            made = decision_make(
                dataset=dataset, user=cast.bob, mode=Mode.ASSISTED, scope=Scope.SELECTION, client_id=uuid.uuid4(),
                kind=DecisionKind.RELABEL, code="present", aus=[12], faces=list(faces),
            )  # fmt: skip
        layer = coder_layer(dataset, cast.bob)
        with CaptureQueriesContext(connection) as asked:
            codes_turned(made, layer)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_undo_of_what_came_last_reads_nothing_older(dataset, cast, monkeypatch):
    """Unless something older was undone meanwhile, of which what it found says nothing."""
    faces_make(dataset, 3)
    made = [
        decision_make(
            dataset=dataset, user=cast.bob, mode=Mode.ASSISTED, scope=Scope.SELECTION, client_id=uuid.uuid4(),
            kind=DecisionKind.RELABEL, code=code, aus=[12], faces=range(3),
        )
        for code in ("present", "absent", "present", "absent")
    ]  # fmt: skip
    layer, read = coder_layer(dataset, cast.bob), []

    def watched(rows):
        for batch in rows_read(rows):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr("annotator.services.standing_codes.rows_read", watched)
    codes_turned(made[-1], layer)
    assert read == [3]
    decision_undo(user=cast.bob, decision=made[0], client_id=uuid.uuid4())
    read.clear()
    codes_turned(made[-1], layer)
    assert read == [12]
