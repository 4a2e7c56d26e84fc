"""Choosing the face at rest to compare a person's others with."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.models import DataSet, Face, Subject
from annotator.services.datasets import audit, revision_raise


def neutral_choose(*, dataset: DataSet, user: User, face: Face, chosen: bool = True) -> None:
    """Make this face its subject's neutral one, or no longer; the audit trail says who did.

    Raises InputRefused for a face without a subject. Choosing what is chosen already does nothing.
    """
    if face.subject_id is None:
        raise InputRefused(_("This face has no subject, so there are no others to compare it with."))
    with transaction.atomic():
        subjects = Subject.objects.select_for_update(of=("self",)).select_related("neutral")
        subject = subjects.get(pk=face.subject_id, dataset=dataset)
        if (subject.neutral_id == face.pk) == chosen:
            return
        before = subject.neutral.position if subject.neutral is not None else None
        subject.neutral = face if chosen else None
        subject.save(update_fields=["neutral"])
        revision_raise(dataset)
        audit(
            dataset,
            user,
            "neutral face chosen" if chosen else "neutral face unchosen",
            face=face.position,
            before=before,
        )
