"""What the REST API lists: faces, labels of one layer, events, runs and clusters, each page by page.

Pages are cut by position or id and never by offset, so that the last page of a million faces is as
quick as the first.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.choices import FaceRole, Intensity, Role
from annotator.errors import InputRefused, NotAllowed, NotFound
from annotator.facs import au_label
from annotator.masks import ABSENT, PRESENT, UNSCORABLE, bits_of, intensities_unpack
from annotator.models import Cluster, ClusterRun, DataSet, Event, Face, Job, LabelLayer, Member
from annotator.selectors.codes import blind_refuse, coded_aus, is_blind, layer_codes, layers_visible_to
from annotator.selectors.events import EventState
from annotator.selectors.jobs import job_of

CODE_WORDS = {PRESENT: "present", ABSENT: "absent", UNSCORABLE: "unscorable"}
SIDE_WORDS = {
    Intensity.NONE: "none",
    **{level: level.name for level in list(Intensity)[1:6]},
    Intensity.UNGRADED: "ungraded",
}


def dataset_described(member: Member) -> dict[str, Any]:
    """A data set as its member sees it in a list: no count of its faces, which may be a million."""
    dataset = member.dataset
    return {
        "id": dataset.pk,
        "name": dataset.name,
        "description": dataset.description,
        "revision": dataset.revision,
        "role": member.role,
        "aus": [coded.au for coded in coded_aus(dataset)],
    }


def dataset_detailed(member: Member) -> dict[str, Any]:
    """A data set with its faces counted, the protocol that holds, and whether the member is blind."""
    dataset = member.dataset
    return {
        **dataset_described(member),
        "faces": Face.objects.filter(dataset=dataset).count(),
        "protocol": dataset.protocols.latest("version"),
        "accept_proposals": dataset.accept_proposals,
        "blind": is_blind(member.user, dataset),
    }


def jobs_shown(user: User, dataset: DataSet) -> list[Job]:
    """The newest hundred jobs; in a blind assignment without what they found."""
    return jobs_hushed(list(Job.objects.filter(dataset=dataset)[:100]), user, dataset)


def job_shown(user: User, dataset: DataSet, job_id: int) -> Job:
    """One job of this data set; NotFound for another's. In a blind assignment without what it found."""
    return jobs_hushed([job_of(dataset, job_id)], user, dataset)[0]


def jobs_hushed(jobs: list[Job], user: User, dataset: DataSet) -> list[Job]:
    """The jobs, for somebody in a blind assignment without what they found. Never save them."""
    if is_blind(user, dataset):
        for job in jobs:
            job.message, job.error, job.log = "", "", ""
            job.counts, job.curves, job.result = {}, {}, {}
    return jobs


def faces_page(
    member: Member, *, after: int, limit: int, subject: str = "", split: str = "", role: str = ""
) -> list[dict[str, Any]]:
    """Faces behind the position `after`, in their order.

    Split and role are told to and asked by admins, adjudicators and analysts only. What may hint at the
    codes, the emotion and the picture's own name, is left out while the user codes blind.
    """
    coder = member.role == Role.CODER
    if (split or role) and coder:
        raise NotAllowed(_("Coders don't see which faces are kept for testing."))
    if role and role not in FaceRole.values:
        raise InputRefused(_("The role of a face is one of %(values)s.") % {"values": ", ".join(FaceRole.values)})
    faces = Face.objects.filter(dataset_id=member.dataset_id, position__gt=after)
    for name, value in (("subject__pseudonym", subject), ("split", split), ("role", role)):
        if "\0" in value:
            raise InputRefused(_("A text may not hold a NUL."))
        if value:
            faces = faces.filter(**{name: value})
    blind = is_blind(member.user, member.dataset)
    return [
        {
            "id": face.pk,
            "position": face.position,
            "image": None if blind else face.image,
            "subject": face.subject.pseudonym if face.subject else None,
            "clip": face.clip.name if face.clip else None,
            "frame": face.frame,
            "time_s": face.time_s,
            "role": None if coder else face.role,
            "split": None if coder else face.split,
            "emotion": None if blind else face.emotion,
        }
        for face in faces.select_related("subject", "clip").order_by("position")[:limit]
    ]


def layer_visible(user: User, dataset: DataSet, layer_id: int) -> LabelLayer:
    """The layer, if the user may see it now; NotFound otherwise."""
    for layer in layers_visible_to(user, dataset):
        if layer.pk == layer_id:
            return layer
    raise NotFound(_("There is no such layer, or you may not see it now."))


def labels_page(user: User, dataset: DataSet, layer_id: int, *, after: int, limit: int) -> list[dict[str, Any]]:
    """The codes that one visible layer has for faces behind the position `after`, in their order."""
    layer = layer_visible(user, dataset, layer_id)
    faces = list(
        Face.objects.filter(dataset=dataset, labels__layer=layer, position__gt=after)
        .order_by("position")
        .values_list("pk", "position")[:limit]
    )
    rows = layer_codes(layer, [face_id for face_id, _position in faces])
    aus = coded_aus(dataset)
    codes = rows.codes([coded.bit for coded in aus])
    return [
        {
            "face": face_id,
            "position": position,
            "codes": {
                au_label(coded.au): CODE_WORDS[int(code)]
                for coded, code in zip(aus, codes[row], strict=True)
                if int(code) in CODE_WORDS
            },
            "intensities": _sides_named(rows.intensities.get(row), [(coded.bit, coded.au) for coded in aus]),
            "noise": bool(rows.noise[row]),
        }
        for row, (face_id, position) in enumerate(faces)
    ]


def _sides_named(packed: bytes | None, aus: Sequence[tuple[int, int]]) -> dict[str, dict[str, str | None]]:
    sides = intensities_unpack(packed)
    return {
        au_label(au): {
            "left": SIDE_WORDS.get(Intensity(sides[bit][0])),
            "right": SIDE_WORDS.get(Intensity(sides[bit][1])),
        }
        for bit, au in aus
        if bit in sides
    }


def events_page(
    user: User, dataset: DataSet, *, after: int, limit: int, clip: str = "", subject: str = ""
) -> list[dict[str, Any]]:
    """The events of visible layers behind the id `after`, in their order."""
    layers = {layer.pk: layer for layer in layers_visible_to(user, dataset)}
    events = Event.objects.filter(layer_id__in=list(layers), pk__gt=after)
    for name, value in (("clip__name", clip), ("clip__subject__pseudonym", subject)):
        if "\0" in value:
            raise InputRefused(_("A text may not hold a NUL."))
        if value:
            events = events.filter(**{name: value})
    return [
        {
            "id": event.pk,
            "layer": event.layer_id,
            "own": layers[event.layer_id].user_id == user.pk,
            "subject": event.clip.subject.pseudonym if event.clip.subject else None,
            "clip": event.clip.name,
            "au": event.au,
            **EventState.of(event).as_json(),
        }
        for event in events.select_related("clip__subject").order_by("pk")[:limit]
    ]


def runs_shown(user: User, dataset: DataSet) -> QuerySet[ClusterRun]:
    """The finished runs, newest first; none of them in a blind assignment."""
    blind_refuse(user, dataset)
    return ClusterRun.objects.filter(dataset=dataset, finished_at__isnull=False)


def clusters_page(
    user: User, dataset: DataSet, *, after: int, limit: int, run: int | None = None
) -> list[dict[str, Any]]:
    """Clusters behind the id `after`, of one run or of all; none in a blind assignment."""
    blind_refuse(user, dataset)
    clusters = Cluster.objects.filter(run__dataset=dataset, run__finished_at__isnull=False, pk__gt=after)
    if run is not None:
        clusters = clusters.filter(run_id=run)
    au_of_bit = {coded.bit: coded.au for coded in dataset.coded_aus.all()}
    return [
        {
            "id": cluster.pk,
            "run": cluster.run_id,
            "partition": cluster.partition,
            "number": cluster.number,
            "noise_group": cluster.number == 0,
            "aus": [au_of_bit[bit] for bit in bits_of(cluster.aus) if bit in au_of_bit],
            "size": cluster.size,
            "votes": cluster.votes,
            "agreement": cluster.agreement,
            "expected_corrections": cluster.expected_corrections,
            "split_from": cluster.split_from_id,
        }
        for cluster in clusters.order_by("pk")[:limit]
    ]
