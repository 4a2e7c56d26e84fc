"""What a training begins with, weights or emotions, looked at before it begins. Light: pages import it."""

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.choices import LayerKind
from annotator.errors import InputRefused
from annotator.models import DataSet, Detector
from annotator.selectors.arrays import file_sha256
from trainer.algorithms.settings import INFERRED, PRETRAINED_FILE, PRETRAINED_FOLDER, PRETRAINING


def emotions_refuse(*, source: str, codes: Mapping[str, int]) -> None:
    """Raise InputRefused where emotions of this source were inferred from codes that judge the detector.

    codes: how many of each kind of layer. Inferred emotions carry the weak codes of all folds into the body that
    every fold's network begins with.
    """
    if source == INFERRED and codes.get(LayerKind.WEAK):
        raise InputRefused(
            _(
                "No emotions are imported, so emotions would be inferred from weak codes, and weak codes are among "
                "those that the detector is judged by: its out-of-fold scores would look too good. Leave the weak "
                "labels out, or import a column of emotions."
            )
        )


def pretrained_refuse(*, dataset: DataSet, name: str, codes: Mapping[str, int]) -> None:
    """Raise InputRefused where `name`, the setting `pretrained`, means weights of a detector of this data set, or of
    an encoder of emotions that were inferred from weak codes, where such codes judge. codes: how many of each kind.

    They learned from the codes of every fold, so that a network begun from them has seen the codes of the faces
    that it scores “out of fold”. Known by the file's SHA-256, wherever it was copied to below the data folder's
    `pretrained`. What can't be known passes: a hub name, a file that was changed, a detector of another data set
    that holds the same faces.
    """
    file = _file_named(name.strip()) if name.strip() else None
    if file is None or not dataset.detectors.exists():
        return
    digest = file_sha256(file)
    own = dataset.detectors.filter(weights_sha256=digest).first()
    if own is not None:
        raise InputRefused(
            _(
                "“%(name)s” holds the weights of this data set's own detector “%(detector)s”. They learned "
                "from the codes that the new one would be judged by, so its out-of-fold scores would look too good: "
                "begin from weights of other faces, or from scratch."
            )
            % {"name": name, "detector": own.name}
        )
    for detector in encoders_known(dataset, digest) if codes.get(LayerKind.WEAK) else ():
        if detector.report["trainings"][PRETRAINING]["source"] == INFERRED:
            raise InputRefused(
                _(
                    "“%(name)s” is the encoder of “%(detector)s” and learned from emotions that were inferred from "
                    "weak codes, and weak codes are among those that the new detector is judged by: its out-of-fold "
                    "scores would look too good. Leave the weak labels out, or begin from other weights."
                )
                % {"name": name, "detector": detector.name}
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
