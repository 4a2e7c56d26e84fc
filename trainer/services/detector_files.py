"""A detector's files as people take them away."""

from django.contrib.auth.models import User
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.text import slugify
from django.utils.translation import gettext as _

from annotator.errors import NotFound
from annotator.models import Detector
from annotator.services.datasets import audit


def weights_open(*, detector: Detector, user: User) -> File:  # type: ignore[type-arg]
    """The stored weights, opened for reading piece by piece; the audit trail notes who took them.
    Raises NotFound where the storage has no such file."""
    try:
        file = default_storage.open(detector.weights_name)
    except FileNotFoundError:
        raise NotFound(_("This detector's weights are not in the storage.")) from None
    audit(
        detector.dataset,
        user,
        "detector weights downloaded",
        detector=detector.pk,
        sha256=detector.weights_sha256,
    )
    return file


def file_stem(detector: Detector) -> str:
    """The beginning of the names of its files: “alexnet-bn-revision-3-detector-7”."""
    return f"{slugify(detector.name)[:60]}-detector-{detector.pk}".lstrip("-")
