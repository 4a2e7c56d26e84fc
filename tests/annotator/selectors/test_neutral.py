"""The neutral face: the chosen one, else the calmest by the codes that count, never by codes while blind."""

import pytest

from annotator.choices import LayerKind, Mode
from annotator.models import AuditEntry, Subject
from annotator.selectors.neutral import neutral_of
from annotator.services.assignments import assignment_take
from annotator.services.neutral import neutral_choose
from tests.factories import faces_make, layer_make, run_make


@pytest.fixture
def faces(dataset):
    """Five faces of one subject; the weak layer has 2, 1, 0, 0 AUs on the first four, and knows more of
    the fourth."""
    subject = Subject.objects.create(dataset=dataset, pseudonym="S07")
    faces = faces_make(dataset, 5, subject=subject)
    codes = [[1, 1, 0], [1, 0, 0], [0, -1, -1], [0, 0, 0]]
    layer_make(dataset, LayerKind.WEAK, faces[:4], codes, [1, 12, 25])
    return faces


def blind(dataset, faces, user):
    run = run_make(dataset, faces, 12, [1] * 5, [1] * 5)
    assignment_take(cluster=run.clusters.get(), user=user, mode=Mode.BLIND)


def test_the_face_with_the_fewest_aus_by_the_codes_that_count(dataset, cast, faces):
    found = neutral_of(faces[0], cast.bob)
    assert (found.face, found.chosen) == (faces[3], False)
    assert found.how == "no AU is present by the codes that count"


def test_the_coders_own_code_counts_before_the_weak_one(dataset, cast, faces):
    layer_make(dataset, LayerKind.CODER, faces[3:4], [[1]], [25], user=cast.bob)
    assert neutral_of(faces[0], cast.bob).face == faces[2]


def test_the_fewest_may_still_be_some(dataset, cast, faces):
    for face in faces[2:]:
        face.subject = None
        face.save()
    found = neutral_of(faces[0], cast.bob)
    assert found.face == faces[1]
    assert found.how.startswith("1 AU by the codes")


def test_a_chosen_face_goes_before_all_codes(dataset, cast, faces):
    neutral_choose(dataset=dataset, user=cast.bob, face=faces[0])
    faces[1].refresh_from_db()
    found = neutral_of(faces[1], cast.cleo)
    assert (found.face, found.chosen) == (faces[0], True)


def test_blind_only_a_chosen_face_is_shown(dataset, cast, faces):
    blind(dataset, faces, cast.bob)
    assert neutral_of(faces[0], cast.bob) is None
    neutral_choose(dataset=dataset, user=cast.cleo, face=faces[1])
    faces[0].refresh_from_db()
    assert neutral_of(faces[0], cast.bob).face == faces[1]


def test_noise_and_uncoded_faces_are_no_rest(dataset, cast, faces):
    layer = layer_make(dataset, LayerKind.CODER, faces[3:4], [[0]], [1], user=cast.bob)
    layer.labels.update(noise=True)
    assert neutral_of(faces[0], cast.bob).face == faces[2]


def test_a_face_without_subject_has_none(dataset, cast):
    assert neutral_of(faces_make(dataset, 1)[0], cast.bob) is None


def test_choosing_is_audited_and_can_be_taken_back(dataset, cast, faces):
    neutral_choose(dataset=dataset, user=cast.bob, face=faces[0])
    neutral_choose(dataset=dataset, user=cast.cleo, face=faces[2])
    neutral_choose(dataset=dataset, user=cast.cleo, face=faces[2])
    neutral_choose(dataset=dataset, user=cast.cleo, face=faces[2], chosen=False)
    assert Subject.objects.get().neutral is None
    trail = AuditEntry.objects.filter(action__startswith="neutral").order_by("pk")
    assert [(entry.user.username, entry.action, entry.detail) for entry in trail] == [
        ("bob", "neutral face chosen", {"face": 0, "before": None}),
        ("cleo", "neutral face chosen", {"face": 2, "before": 0}),
        ("cleo", "neutral face unchosen", {"face": 2, "before": 2}),
    ]
