"""Asking for a feature set: what is checked and written before the work itself (extracting.py)."""

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

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
        raise InputRefused(_("There are no faces yet: import some first."))
    if detector is not None and backbone:
        raise InputRefused(_("Features come from a detector or from a backbone, not from both."))
    if detector is not None and detector.dataset_id != dataset.pk:
        raise InputRefused(_("Detector %(pk)s belongs to another data set.") % {"pk": detector.pk})
    if backbone and backbone not in BACKBONES:
        raise InputRefused(
            _("There is no backbone “%(backbone)s”; there is: %(names)s.")
            % {"backbone": backbone, "names": ", ".join(BACKBONES)}
        )
    params: dict[str, Any] = {
        "detector": detector.pk if detector else None,
        "backbone": backbone,
        "seed": seed,
    }
    job, new = job_create(dataset=dataset, kind="features", target="features", params=params, user=user)
    if not new and job.params != params:
        raise Conflict(_("Features are being extracted in another way already: wait for the end, or cancel it."))
    if new:
        audit(dataset, user, "features asked for", **params)
    return job, new
