"""Weights to begin with, looked at before a training begins from them. Light: pages import it."""

from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.models import DataSet, Detector
from annotator.selectors.arrays import file_sha256
from trainer.algorithms.settings import PRETRAINED_FILE, PRETRAINED_FOLDER


def pretrained_refuse(*, dataset: DataSet, name: str) -> None:
    """Raise InputRefused where `name`, the setting `pretrained`, means weights of a detector of this data set.

    They learned from the codes of every fold, so that a network begun from them has seen the codes of the faces
    that it scores “out of fold”. Known by the file's SHA-256, wherever it was copied to below the data folder's
    `pretrained`. What can't be known passes: a hub name, a file that was changed, a detector of another data set
    that holds the same faces.
    """
    file = _file_named(name.strip()) if name.strip() else None
    if file is None or not dataset.detectors.exists():
        return
    own = dataset.detectors.filter(weights_sha256=file_sha256(file)).first()
    if own is not None:
        raise InputRefused(
            _(
                "“%(name)s” holds the weights of this data set's own detector “%(detector)s”. They learned "
                "from the codes that the new one would be judged by, so its out-of-fold scores would look too good: "
                "begin from weights of other faces, or from scratch."
            )
            % {"name": name, "detector": own.name}
        )


def encoders_known(dataset: DataSet, sha256: str) -> QuerySet[Detector]:
    """The detectors of the data set whose encoder has this SHA-256."""
    return dataset.detectors.filter(encoder_sha256=sha256).exclude(encoder_sha256="").select_related("seen")


def _file_named(name: str) -> Path | None:
    """The weights file below the folder; None where it isn't there, or outside: then the training says so."""
    home = (Path(settings.DATA) / PRETRAINED_FOLDER).resolve()
    found = home / name
    file = (found / PRETRAINED_FILE if found.is_dir() else found).resolve()
    return file if file.is_relative_to(home) and file.is_file() else None
