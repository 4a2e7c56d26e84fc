"""Asking for a feature set: what is checked and written before the work itself (extracting.py)."""

from typing import Any

from django.contrib.auth.models import User

from annotator.errors import Conflict, InputRefused
from annotator.models import DataSet, Detector, Job
from annotator.services.datasets import audit
from annotator.services.jobs import job_create

BACKBONES = ("pixels",)
"""Ways to features without training: principal components of small grey pictures."""


def features_create(
    *, dataset: DataSet, user: User, detector: Detector | None = None, backbone: str = "", seed: int = 0
) -> tuple[Job, bool]:
    """A queued features job, and whether it is new. With neither detector nor backbone the default
    small detector is trained first. Raises InputRefused when there are no faces to look at."""
    if not dataset.faces.exists():
        raise InputRefused("There are no faces yet: import some first.")
    if detector is not None and backbone:
        raise InputRefused("Features come from a detector or from a backbone, not from both.")
    if detector is not None and detector.dataset_id != dataset.pk:
        raise InputRefused(f"Detector {detector.pk} belongs to another data set.")
    if backbone and backbone not in BACKBONES:
        raise InputRefused(f"There is no backbone “{backbone}”; there is: {', '.join(BACKBONES)}.")
    params: dict[str, Any] = {
        "detector": detector.pk if detector else None,
        "backbone": backbone,
        "seed": seed,
    }
    job, new = job_create(dataset=dataset, kind="features", target="features", params=params, user=user)
    if not new and job.params != params:
        raise Conflict("Features are being extracted in another way already: wait for the end, or cancel it.")
    if new:
        audit(dataset, user, "features asked for", **params)
    return job, new
