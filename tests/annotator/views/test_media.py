"""Pictures and thumbnails: members only, one type, no guessing."""

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from annotator.services.datasets import dataset_create
from tests.factories import faces_make


@pytest.fixture
def face(dataset):
    return faces_make(dataset, 1, pictures=True)[0]


def address(name, face, key=None, dataset=None):
    return reverse(name, args=[dataset or face.dataset_id, key or face.key.hex])


@pytest.mark.parametrize("name", ["face_picture", "face_thumbnail"])
@pytest.mark.parametrize("member", ["alice", "dora", "bob", "ana"])
def test_every_member_sees_pictures(cast, face, name, member):
    answer = cast.client(member).get(address(name, face))
    stored = face.picture_name if name == "face_picture" else face.thumbnail_name
    assert b"".join(answer.streaming_content) == default_storage.open(stored).read()
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize("name", ["face_picture", "face_thumbnail"])
def test_strangers_learn_nothing(cast, face, client, name):
    assert cast.client("charlie").get(address(name, face)).status_code == 404
    answer = client.get(address(name, face))
    assert answer.status_code == 302 and "/login/" in answer.url


def test_thumbnails_may_be_kept_for_an_hour(cast, face):
    answer = cast.client("bob").get(address("face_thumbnail", face))
    assert answer.headers["Cache-Control"] == "private, max-age=3600"


@pytest.mark.parametrize("key", ["0" * 32, "x" * 32, "1", "..%2f..%2fetc", "A" * 32])
def test_unknown_keys_are_not_found(cast, face, key):
    assert cast.client("alice").get(address("face_picture", face, key)).status_code == 404


def test_a_face_is_found_in_its_own_data_set_only(cast, face):
    other = dataset_create(name="Other", user=cast.alice)
    assert cast.client("alice").get(address("face_picture", face, dataset=other.pk)).status_code == 404


def test_a_picture_missing_in_the_storage_is_not_found(cast, face):
    default_storage.delete(face.picture_name)
    assert cast.client("alice").get(address("face_picture", face)).status_code == 404


def test_media_answer_reading_only(cast, face):
    assert cast.client("alice").post(address("face_picture", face)).status_code == 405
