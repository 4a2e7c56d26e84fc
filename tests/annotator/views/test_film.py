"""The page of a clip over time."""

import re

from django.urls import reverse

from annotator.models import Clip, Subject
from tests.annotator.selectors.test_clips import clip_make


def test_a_way_to_the_next_clip_names_the_subject_where_it_is_another(dataset, cast):
    clips = []
    for pseudonym, name in (("S1", "smile"), ("S1", "talk"), ("S2", "smile")):
        subject, _new = Subject.objects.get_or_create(dataset=dataset, pseudonym=pseudonym)
        faces = clip_make(dataset, [1, 2], name=f"{pseudonym} {name}")
        Clip.objects.filter(pk=faces[0].clip_id).update(subject=subject, name=name)
        clips.append(faces[0].clip_id)
    shown = cast.client("ana").get(reverse("clip_film", args=[dataset.pk, clips[1]])).content.decode()
    assert "◀ smile<" in shown and ">S2 smile ▶" in shown


def test_the_page_belongs_to_the_faces(dataset, cast):
    clip = clip_make(dataset, [1, 2])[0].clip_id
    shown = cast.client("ana").get(reverse("clip_film", args=[dataset.pk, clip])).content.decode()
    assert re.findall(r'aria-current="true">([^<]+)<', shown) == ["Faces"]
