"""Asking for what a detector sees, in general and in one face: what is checked and written before the work
itself (sights.py). Light: pages import it."""

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.errors import Conflict, InputRefused
from annotator.models import Detector, Face, Job
from annotator.services.datasets import audit
from annotator.services.jobs import job_create


def sight_create(*, detector: Detector, user: User, seed: int = 0) -> tuple[Job, bool]:
    """A queued job that makes what the detector sees, and whether it is new. What was made before stays until
    the new is there. Raises Conflict while the same is made with another seed."""
    dataset = detector.dataset
    if not dataset.faces.exists():
        raise InputRefused(_("There are no faces yet: import some first."))
    params = {"detector": detector.pk, "seed": seed}
    job, new = job_create(dataset=dataset, kind="sight", target=f"sight:{detector.pk}", params=params, user=user)
    if not new and job.params != params:
        raise Conflict(_("It is being made with another seed already: wait for the end, or cancel it."))
    if new:
        audit(dataset, user, "sight asked for", job=job.pk, **params)
    return job, new


def attribution_create(*, detector: Detector, face: Face, user: User) -> tuple[Job, bool]:
    """A queued job that finds which parts of the face speak for each AU, and whether it is new."""
    dataset = detector.dataset
    params = {"detector": detector.pk, "face": face.position}
    target = f"attribution:{detector.pk}:{face.position}"
    job, new = job_create(dataset=dataset, kind="attribution", target=target, params=params, user=user)
    if new:
        audit(dataset, user, "attribution asked for", job=job.pk, **params)
    return job, new
