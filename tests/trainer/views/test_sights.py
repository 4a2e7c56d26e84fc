"""What a detector sees on its page: every state of the section and of one face, and who may ask for what."""

import io
import re

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from annotator.choices import FaceRole, JobState, LayerKind, Mode
from annotator.models import Assignment, DetectorSight, Job, Subject
from annotator.services.arrays import array_write
from annotator.services.datasets import dataset_create
from tests.factories import (
    attribution_make,
    detector_make,
    faces_make,
    layer_make,
    prediction_layer_make,
    projection_make,
    sight_make,
)


@pytest.fixture
def faces(dataset):
    faces = []
    for name in ("Ada", "Bo", "Cy"):
        faces += faces_make(dataset, 4, subject=Subject.objects.create(dataset=dataset, pseudonym=name))
    return faces


@pytest.fixture
def detector(dataset, faces):
    return detector_make(dataset, aus=[12, 25])


def page(cast, detector, query="", who="ana"):
    answer = cast.client(who).get(reverse("detector_detail", args=[detector.dataset_id, detector.pk]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def address(name, detector, *more):
    return reverse(name, args=[detector.dataset_id, detector.pk, *more])


def png(cast, url, who="ana"):
    answer = cast.client(who).get(url)
    assert answer.status_code == 200 and answer["Content-Type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


# the section


def test_before_it_is_made_an_admin_can_ask_and_an_analyst_learns_whom_to_ask(cast, detector):
    assert "Show what it sees" in page(cast, detector, who="alice")
    shown = page(cast, detector)
    assert "Show what it sees" not in shown and "An admin of this data set can have it made" in shown


def test_of_a_detector_that_looks_along_time_the_section_says_that_it_shows_single_frames(cast, detector):
    told = "This detector also looks along time"
    assert told not in page(cast, detector)
    part = {"mean": detector.report["cross_validation"]["mean"], "events": {"f1_half": 0.5, "area": 0.5}}
    detector.report["parts"] = {"cnn": part, "lstm": part}
    detector.save()
    assert told in page(cast, detector)


def test_asking_makes_one_job_and_comes_back_to_the_section(cast, detector):
    answer = cast.client("alice").post(address("detector_see", detector))
    assert answer["Location"].endswith("#sees")
    cast.client("alice").post(address("detector_see", detector))
    job = Job.objects.get(kind="sight")
    assert job.queue == "gpu" and job.params == {"detector": detector.pk, "seed": 0}
    shown = page(cast, detector, who="alice")
    assert f'id="job-{job.pk}"' in shown and "Show what it sees" not in shown


def test_a_failed_job_is_told_with_its_error(cast, detector):
    Job.objects.create(
        dataset=detector.dataset, kind="sight", target=f"sight:{detector.pk}", queue="gpu",
        state=JobState.FAILED, error="The weights are missing.",
    )  # fmt: skip
    shown = page(cast, detector, who="alice")
    assert "The weights are missing." in shown and "Resume" in shown


def test_made_it_shows_pictures_planes_and_the_divergence(cast, detector):
    sight_make(detector, projection_make(detector.dataset))
    shown = page(cast, detector)
    assert address("detector_sight_picture", detector, 12) in shown
    assert "AU25 0.60" in shown
    assert "Faces by AU12" in shown and "12 of 12 faces; test faces are left out" in shown
    assert re.search(r"<strong>A</strong> Ada", shown) and re.search(r"<strong>C</strong> Cy", shown)
    assert "<dd>2</dd>" in shown and "<dd>0.5</dd>" in shown and "<dd>4</dd>" in shown
    assert "Make anew" not in shown and "Make anew" in page(cast, detector, who="alice")


def test_the_codes_shown_are_those_it_was_trained_on_of_the_au_looked_at(cast, detector, dataset, faces):
    snapshot = detector.snapshot
    codes = np.full((12, 2), -1, np.int8)
    codes[:5, 1], codes[5:7, 1] = 1, 0
    snapshot.codes = array_write(dataset=dataset, purpose="snapshot", values=codes)
    snapshot.save()
    # what is coded later is not what it was trained on
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1, 1]] * 12, [12, 25])
    sight_make(detector, projection_make(dataset))
    assert "5 with AU25 present, 2 absent, 5 without a code" in page(cast, detector, "?au=25")
    assert "0 with AU12 present, 0 absent, 12 without a code" in page(cast, detector)


def test_a_face_that_became_a_test_face_or_has_gone_is_not_drawn(cast, detector, faces):
    sight_make(detector, projection_make(detector.dataset))
    faces[0].role = FaceRole.TEST
    faces[0].save()
    faces[1].delete()
    assert "10 of 12 faces" in page(cast, detector)


def test_a_face_without_subject_has_no_letter(cast, detector, dataset):
    dataset.faces.filter(position__gte=4).update(subject=None)
    sight_make(detector, projection_make(dataset))
    shown = page(cast, detector)
    assert "<strong>A</strong> Ada" in shown and "<strong>B</strong>" not in shown


def test_without_a_plane_or_subjects_the_rest_is_shown(cast, detector):
    sight_make(detector, projection_make(detector.dataset))
    DetectorSight.objects.update(projection=None, divergence={})
    shown = page(cast, detector)
    assert "What each AU wants to see" in shown
    assert "Faces by AU12" not in shown and "How far it tells people apart" not in shown


def test_a_picture_is_served_as_it_was_kept(cast, detector):
    sight_make(detector, projection_make(detector.dataset))
    picture = png(cast, address("detector_sight_picture", detector, 25))
    assert picture.shape == (8, 8, 3) and picture[:, 0, 0].tolist() == [128, 128, 200, 200, 200, 200, 128, 128]
    assert cast.client("ana").get(address("detector_sight_picture", detector, 4)).status_code == 404


def test_a_damaged_picture_is_not_shown(cast, detector):
    sight_make(detector, projection_make(detector.dataset), pictures_sha256="0" * 64)
    answer = cast.client("ana").get(address("detector_sight_picture", detector, 12))
    assert answer.status_code >= 400 and b"damaged" in answer.content


# one face


def test_choosing_a_face_offers_to_look_at_it(cast, detector):
    shown = page(cast, detector, "?face=3&au=25")
    assert "Look at face 3" in shown and f'action="{address("detector_attribute", detector)}"' in shown


def test_asking_for_a_face_makes_one_job_and_keeps_the_au(cast, detector):
    answer = cast.client("ana").post(address("detector_attribute", detector), {"face": "3", "au": "25"})
    assert answer["Location"].endswith("?face=3&au=25#sees-face")
    job = Job.objects.get(kind="attribution")
    assert job.queue == "cpu" and job.params == {"detector": detector.pk, "face": 3}
    shown = page(cast, detector, "?face=3")
    assert f'id="job-{job.pk}"' in shown and "Look at face 3" not in shown


def test_a_face_whose_job_failed_can_be_asked_for_again_by_others(cast, detector):
    cast.client("dora").post(address("detector_attribute", detector), {"face": "3"})
    Job.objects.update(state=JobState.FAILED, error="The disk is full.")
    shown = page(cast, detector, "?face=3")
    assert "The disk is full." in shown and "Look at face 3" in shown
    cast.client("ana").post(address("detector_attribute", detector), {"face": "3"})
    job = Job.objects.get(state=JobState.QUEUED)
    assert job.created_by == cast.ana
    link = f"{address('detector_detail', detector)}?face=3#sees-face"
    assert link in cast.client("ana").get(reverse("job_detail", args=[job.dataset_id, job.pk])).content.decode()


@pytest.mark.parametrize("number", ["99", "x", "-1", "9" * 30])
def test_a_face_that_is_not_there_is_told_on_the_page(cast, detector, number):
    shown = page(cast, detector, f"?face={number}")
    assert "notice warning" in shown and "Look at face" not in shown
    answer = cast.client("ana").post(address("detector_attribute", detector), {"face": number})
    assert answer.status_code == 404 and not Job.objects.exists()


def test_what_speaks_for_an_au_is_laid_over_the_face(cast, detector, faces):
    attribution_make(detector, faces[3])
    shown = page(cast, detector, "?face=3&au=25")
    url = address("face_attribution_picture", detector, 3, 25)
    assert url + "?" in shown and f"{url}?against=1" in shown
    assert "speaks for AU25" in shown and "<strong>0.73</strong>" in shown
    speaks_for, against = png(cast, url), png(cast, url + "?against=1")
    assert (speaks_for[:, :4] == 255).all() and (speaks_for[:, 4:] == 0).all()
    assert (against[:, :4] == 0).all() and (against[:, 4:] == 128).all()


def test_a_face_that_it_learned_from_is_told(cast, detector, faces):
    attribution_make(detector, faces[3])
    assert "It learned from codes of this face" in page(cast, detector, "?face=3")
    later = faces_make(detector.dataset, 1)[0]
    attribution_make(detector, later)
    assert "It learned from codes of this face" not in page(cast, detector, f"?face={later.position}")


def test_the_page_of_a_face_leads_here_for_those_who_see_detectors(cast, detector, faces):
    prediction_layer_make(detector, faces, [[0.1, 0.9]] * 12)
    link = f"{address('detector_detail', detector)}?face=3#sees-face"
    url = reverse("face_detail", args=[detector.dataset_id, 3])
    assert link in cast.client("ana").get(url).content.decode()
    assert link not in cast.client("bob").get(url).content.decode()


# who


def test_who_codes_blind_sees_nothing_of_it(cast, detector, faces):
    sight_make(detector, projection_make(detector.dataset))
    attribution_make(detector, faces[3])
    Assignment.objects.create(
        dataset=detector.dataset, coder=cast.dora, aus=1, mode=Mode.BLIND, state="open", lease_until=timezone.now()
    )
    client = cast.client("dora")
    assert client.get(address("detector_sight_picture", detector, 12)).status_code == 403
    assert client.get(address("face_attribution_picture", detector, 3, 12)).status_code == 403
    assert client.post(address("detector_attribute", detector), {"face": "3"}).status_code == 403


def test_another_data_set_s_detector_and_faces_are_not_there(cast, detector):
    other = dataset_create(name="Frowns", user=cast.alice, aus=[4])
    url = reverse("detector_see", args=[other.pk, detector.pk])
    assert cast.client("alice").post(url).status_code == 404
