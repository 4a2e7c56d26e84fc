"""The codes that a detector may be trained on: (faces, AUs), never a test face's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.choices import FaceRole, LayerKind
from annotator.errors import InputRefused
from annotator.models import CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.codes import coded_aus
from annotator.selectors.effective import SOURCES, EffectiveCodes, effective_codes

TRUSTED = (LayerKind.CONSENSUS, LayerKind.CODER, LayerKind.REFERENCE)


@dataclass(frozen=True)
class FaceTable:
    """The faces of a data set in the order of their positions, (N,) each."""

    ids: list[int]
    positions: NDArray[np.int64]
    keys: list[str]
    subjects: NDArray[np.int64]
    """Subject id, −1 for a face that is its own subject."""
    is_test: NDArray[np.bool_]


@dataclass(frozen=True)
class TrainingCodes:
    """codes: (N, A) int8, 1 present, 0 absent, −1 unknown; sources: how many codes each kind gave;
    layers: the ids of the layers of these kinds that were read."""

    aus: list[CodedAU]
    codes: NDArray[np.int8]
    sources: dict[str, int]
    layers: dict[str, list[int]]


def face_table(dataset: DataSet) -> FaceTable:
    rows = list(
        Face.objects.filter(dataset=dataset)
        .order_by("position")
        .values_list("id", "position", "key", "subject_id", "role")
    )
    return FaceTable(
        ids=[row[0] for row in rows],
        positions=np.array([row[1] for row in rows], dtype=np.int64),
        keys=[row[2].hex for row in rows],
        subjects=np.array([-1 if row[3] is None else row[3] for row in rows], dtype=np.int64),
        is_test=np.array([row[4] == FaceRole.TEST for row in rows], dtype=bool),
    )


def training_codes(dataset: DataSet, faces: FaceTable) -> TrainingCodes:
    """Reviewed and reference codes of all faces but test faces; where no face has a reference code, the
    weak codes under the reviewed ones, of two weak layers the newer's first. Faces set apart as noise,
    and codes that people found unscorable or disagree on, are left out. Raises InputRefused when
    nothing is coded."""
    aus = coded_aus(dataset)
    if not aus:
        raise InputRefused("The data set has no AUs yet: import labels first.")
    layers = list(LabelLayer.objects.filter(dataset=dataset))
    found = _effective(dataset, faces, aus, [layer for layer in layers if layer.kind in TRUSTED])
    if not (found.source[~faces.is_test] == SOURCES.index(LayerKind.REFERENCE)).any():
        found = _effective(dataset, faces, aus, [one for one in layers if one.kind in (*TRUSTED, LayerKind.WEAK)])
    codes = found.codes.copy()
    codes[faces.is_test | found.noise] = -1
    if not (codes == 1).any():
        raise InputRefused("No face has a present AU yet: import reference or weak labels first.")
    counted = found.source[codes >= 0]
    counts = {name: int((counted == place).sum()) for place, name in enumerate(SOURCES) if name}
    sources = {name: count for name, count in counts.items() if count}
    read = {name: [layer.pk for layer in layers if layer.kind == name] for name in sources}
    return TrainingCodes(aus, codes, sources, read)


def _effective(dataset: DataSet, faces: FaceTable, aus: list[CodedAU], layers: list[LabelLayer]) -> EffectiveCodes:
    return effective_codes(
        dataset,
        layers,
        faces.ids,
        aus,
        accept_proposals=False,
        coders_needed=dataset.protocols.latest("version").coders_per_item,
    )
