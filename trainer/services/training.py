"""Asking for trainings and predictions, and promoting a detector: what is checked and written before the
work itself (training_running.py, predicting.py). Light: pages import it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.models import DataSet, Detector, Job
from annotator.services.datasets import audit, revision_raise
from annotator.services.jobs import job_create, job_send
from trainer.algorithms.methods import METHODS, settings_make
from trainer.algorithms.settings import QUICK
from trainer.selectors.emotions import emotions_source
from trainer.selectors.predictions import prediction_is_current
from trainer.selectors.snapshots import SnapshotCheck, training_check
from trainer.services.pretrained import emotions_refuse, pretrained_refuse

__all__ = ["SnapshotCheck", "detector_promote", "prediction_create", "training_check", "training_create"]

SOURCES = ("proposals", "weak")
"""What may go into a snapshot beside reviewed and reference codes."""
LONGEST_NAME = 100


def training_create(
    *,
    dataset: DataSet,
    user: User,
    method: str,
    settings: Mapping[str, Any],
    preset: str = QUICK,
    name: str = "",
    sources: Mapping[str, bool],
) -> tuple[Job, bool]:
    """A queued training, and whether it is new: the very same one that waits or runs is kept, others queue.

    settings: the changes to the method's `preset`, by path. sources: {"proposals": bool, "weak": bool}.
    Raises InputRefused, naming the setting, or saying why nothing can be learned, or not from these weights.
    """
    if unknown := [source for source in sources if source not in SOURCES]:
        raise InputRefused(
            _("There is no source “%(source)s”; there are: %(known)s.")
            % {"source": unknown[0], "known": ", ".join(SOURCES)}
        )
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise InputRefused(_("The name is longer than %(most)d characters.") % {"most": LONGEST_NAME})
    try:
        made = settings_make(method, settings, preset=preset)
    except ValueError as error:
        raise InputRefused(str(error)) from error
    if made.hybrid is not None and not dataset.faces.exclude(clip=None).exclude(frame=None).exists():
        raise InputRefused(
            _("“%(method)s” learns from frames that follow each other, and no face here is a frame of a clip.")
            % {"method": METHODS[method].title}
        )
    chosen = {source: bool(sources.get(source)) for source in SOURCES}
    check = training_check(dataset, chosen, folds=made.folds)
    if not check.ready:
        raise InputRefused(" ".join(problem.text for problem in check.problems if problem.stops))
    pretrained_refuse(dataset=dataset, name=made.pretrained, codes=check.sources)
    if made.emoco is not None:
        emotions_refuse(source=emotions_source(dataset), codes=check.sources)
    params = {"settings": made.as_dict(), "name": name, "sources": chosen}
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:16]
    job, new = job_create(dataset=dataset, kind="training", target=f"training:{digest}", params=params, user=user)
    if new:
        audit(dataset, user, "training asked for", job=job.pk, method=method, name=name, sources=chosen)
    return job, new


def prediction_create(*, detector: Detector, user: User) -> tuple[Job, bool]:
    """A queued prediction of all faces by the detector, and whether it is new."""
    dataset = detector.dataset
    if not dataset.faces.exists():
        raise InputRefused(_("There are no faces yet: import some first."))
    job, new = job_create(
        dataset=dataset,
        kind="prediction",
        target=f"prediction:{detector.pk}",
        params={"detector": detector.pk},
        user=user,
    )
    if new:
        audit(dataset, user, "prediction asked for", job=job.pk, detector=detector.pk)
    return job, new


def detector_promote(*, detector: Detector, user: User) -> Job | None:
    """Make this the one detector that the next round begins with, and send its prediction job; None where
    its predictions speak of all faces already."""
    dataset = detector.dataset
    with transaction.atomic():
        DataSet.objects.select_for_update().get(pk=dataset.pk)
        others = dataset.detectors.exclude(pk=detector.pk).exclude(promoted_at=None)
        others.update(promoted_at=None, promoted_by=None)
        detector.refresh_from_db(fields=["promoted_at"])
        if detector.promoted_at is None:
            detector.promoted_at, detector.promoted_by = timezone.now(), user
            detector.save(update_fields=["promoted_at", "promoted_by"])
            revision_raise(dataset)
            audit(dataset, user, "detector promoted", detector=detector.pk, name=detector.name)
        if prediction_is_current(detector):
            return None
        job, _new = prediction_create(detector=detector, user=user)
        job_send(job)
    return job
