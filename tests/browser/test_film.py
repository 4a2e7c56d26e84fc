"""A clip over time in the browser: the line under the pointer tells the frame, a click opens it."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.models import Clip, Face, Subject
from annotator.services.datasets import dataset_create
from tests.factories import faces_make, layer_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bob(transactional_db):
    return User.objects.create_user("bob", password="x")


@pytest.fixture
def clip(bob):
    """Twenty frames from 100 on; AU12 is present in the reference from 105 to 109."""
    dataset = dataset_create(name="Smiles", user=bob, aus=[12, 25])
    subject = Subject.objects.create(dataset=dataset, pseudonym="S07")
    clip = Clip.objects.create(dataset=dataset, subject=subject, name="laugh", frame_rate=50)
    faces = faces_make(dataset, 20, pictures=True, subject=subject, clip=clip)
    for number, face in enumerate(faces):
        face.frame = 100 + number
    Face.objects.bulk_update(faces, ["frame"])
    codes = [[int(5 <= number < 10), 0] for number in range(20)]
    layer_make(dataset, LayerKind.REFERENCE, faces, codes, [12, 25])
    layer_make(dataset, LayerKind.WEAK, faces, [[1, 0]] * 20, [12, 25])
    return clip


def test_the_pointer_tells_the_frame_and_a_click_opens_it(page_of, bob, clip):
    page = page_of(bob)
    page.goto(reverse("clip_film", args=[clip.dataset_id, clip.pk]))
    box = page.locator(".film-lane > svg").first.bounding_box()
    at = {"x": box["width"] * 0.525, "y": 4}
    page.locator(".film-lane > svg").first.hover(position=at)
    assert page.locator(".film-crosshair").text_content().strip() == "110"
    assert page.locator("#film-frame").input_value() == "110"
    page.locator(".film-lane > svg").first.click(position=at)
    page.wait_for_url("**/faces/10/")


def test_of_a_clip_with_every_fifth_frame_the_pointer_tells_frames_there_are(page_of, bob, clip):
    for face in clip.faces.all():
        Face.objects.filter(pk=face.pk).update(frame=5 * face.frame)
    page = page_of(bob)
    page.goto(reverse("clip_film", args=[clip.dataset_id, clip.pk]))
    lane = page.locator(".film-lane > svg").first
    box = lane.bounding_box()
    for share, frame in ((0.01, "500"), (0.525, "550"), (0.99, "595")):
        lane.hover(position={"x": box["width"] * share, "y": 4})
        assert page.locator("#film-frame").input_value() == frame


def test_a_frame_is_opened_by_its_number_without_the_pointer(page_of, bob, clip):
    page = page_of(bob)
    page.goto(reverse("clip_film", args=[clip.dataset_id, clip.pk]))
    page.locator("#film-frame").fill("107")
    page.keyboard.press("Enter")
    page.wait_for_url("**/faces/7/")
    page.get_by_role("link", name="The clip over time").click()
    page.wait_for_url("**/film/")
    assert page.locator(".film-au").count() == 1 and "AU25" in page.locator("main").text_content()
