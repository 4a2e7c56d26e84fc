"""The page of a clip over time."""

import re

from django.urls import reverse

from annotator.choices import LayerKind
from annotator.models import Clip, Event, Subject
from tests.annotator.selectors.test_clips import clip_make
from tests.factories import layer_make


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


def test_an_event_is_told_in_words_leads_to_its_onset_and_is_in_the_legend(dataset, cast):
    clip = clip_make(dataset, [1, 2, 3])[0].clip
    address = reverse("clip_film", args=[dataset.pk, clip.pk])
    assert "event, ● its apex" not in cast.client("bob").get(address).content.decode()
    layer = layer_make(dataset, LayerKind.CODER, user=cast.bob)
    Event.objects.create(layer=layer, clip=clip, au=12, onset=2, apex=2, offset=3)
    shown = cast.client("bob").get(address).content.decode()
    link = re.search(r'<a [^>]*aria-label="event: frames 2–3, apex 2"', shown)
    assert link and f"{reverse('clip_frame', args=[dataset.pk, clip.pk])}?frame=2" in link[0]
    assert "event, ● its apex" in shown
