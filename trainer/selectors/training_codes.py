"""The codes that a detector may be trained on: (faces, AUs), never a test face's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import FaceRole, LayerKind
from annotator.errors import InputRefused
from annotator.models import CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.codes import LayerCodes, coded_aus, layer_codes
from annotator.selectors.effective import SOURCES, EffectiveCodes, effective_codes
from trainer.algorithms.clips import Clips, frames_count

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
    clips: NDArray[np.int64]
    """Clip id, −1 for a still."""
    frames: NDArray[np.int64]
    """Frame, counted in the steps of its clip, −1 where there is none."""

    @property
    def digest(self) -> str:
        """A short hash of which faces these are."""
        return hashlib.sha256("".join(self.keys).encode()).hexdigest()[:16]

    @property
    def in_time(self) -> Clips:
        """Where the faces stand in their clips."""
        return Clips(self.clips, self.frames)

    @property
    def people(self) -> NDArray[np.int64]:
        """(N,) whose face it is, for folds and intervals: the subject; of a clip without one all faces are one
        person, with or without a frame number; −1 for a still that is its own subject."""
        return self.in_time.groups(self.subjects)

    def part(self, rows: NDArray[np.intp]) -> "FaceTable":
        """The table of these rows alone."""
        chosen = rows.tolist()
        return FaceTable(
            ids=[self.ids[row] for row in chosen],
            positions=self.positions[rows],
            keys=[self.keys[row] for row in chosen],
            subjects=self.subjects[rows],
            is_test=self.is_test[rows],
            clips=self.clips[rows],
            frames=self.frames[rows],
        )


@dataclass(frozen=True)
class TrainingCodes:
    """codes: (N, A) int8, 1 present, 0 absent, −1 unknown; sources: how many codes each kind gave;
    layers: the ids of the layers of these kinds that were read."""

    aus: list[CodedAU]
    codes: NDArray[np.int8]
    sources: dict[str, int]
    layers: dict[str, list[int]]
    ended: NDArray[np.int8]
    """(N, A): UNSCORABLE where people found an AU unscorable, 1 where coders disagree, 0 otherwise."""
    noise: NDArray[np.bool_]
    """(N,): people set the face apart."""
    run_noise: NDArray[np.bool_]
    """(N,): in the noise group of the adopted run, whose proposals and weak codes therefore don't count."""
    test_codes: NDArray[np.int8]
    """(N, A): the trusted codes of test faces, for reporting only; −1 for all others."""

    def columns(self, chosen: Sequence[int]) -> "TrainingCodes":
        """The same for some of the AUs."""
        columns = list(chosen)
        return TrainingCodes(
            aus=[self.aus[column] for column in columns],
            codes=self.codes[:, columns],
            sources=self.sources,
            layers=self.layers,
            ended=self.ended[:, columns],
            noise=self.noise,
            run_noise=self.run_noise,
            test_codes=self.test_codes[:, columns],
        )


def face_table(dataset: DataSet) -> FaceTable:
    rows = list(
        Face.objects.filter(dataset=dataset)
        .order_by("position")
        .values_list("id", "position", "key", "subject_id", "role", "clip_id", "frame")
    )
    clips = np.array([-1 if row[5] is None else row[5] for row in rows], dtype=np.int64)
    numbers = np.array([-1 if row[6] is None else row[6] for row in rows], dtype=np.int64)
    return FaceTable(
        ids=[row[0] for row in rows],
        positions=np.array([row[1] for row in rows], dtype=np.int64),
        keys=[row[2].hex for row in rows],
        subjects=np.array([-1 if row[3] is None else row[3] for row in rows], dtype=np.int64),
        is_test=np.array([row[4] == FaceRole.TEST for row in rows], dtype=bool),
        clips=clips,
        frames=frames_count(clips, numbers),
    )


def codes_chosen(dataset: DataSet, faces: FaceTable, sources: Mapping[str, bool]) -> TrainingCodes:
    """The codes that count, in the order of annotator.selectors.effective: consensus, coder, reference, with
    `sources["proposals"]` those of the adopted runs, with `sources["weak"]` weak ones. Test faces, faces set
    apart as noise and codes that people found unscorable or disagree on are left out."""
    aus = coded_aus(dataset)
    layers = list(LabelLayer.objects.filter(dataset=dataset))
    kinds = set(TRUSTED)
    read: dict[int, LayerCodes] = {}
    run_noise = np.zeros(len(faces.ids), bool)
    if sources.get("proposals"):
        kinds.add(LayerKind.PROPOSAL)
        for layer in layers:
            if layer.kind == LayerKind.PROPOSAL:
                read[layer.pk] = layer_codes(layer, faces.ids)
                run_noise |= read[layer.pk].noise
    if sources.get("weak"):
        kinds.add(LayerKind.WEAK)
    found = effective_codes(
        dataset,
        [layer for layer in layers if layer.kind in kinds],
        faces.ids,
        aus,
        accept_proposals=bool(sources.get("proposals")),
        coders_needed=dataset.protocols.latest("version").coders_per_item,
        read=read,
    )
    return _without_left_out(faces, aus, layers, found, run_noise)


def _without_left_out(
    faces: FaceTable,
    aus: list[CodedAU],
    layers: list[LabelLayer],
    found: EffectiveCodes,
    run_noise: NDArray[np.bool_],
) -> TrainingCodes:
    trusted = np.isin(found.source, [SOURCES.index(kind) for kind in TRUSTED])
    codes = found.codes.copy()
    codes[faces.is_test | found.noise] = -1
    codes[run_noise[:, None] & ~trusted] = -1
    test_codes = np.where(trusted & (faces.is_test & ~found.noise)[:, None], found.codes, -1).astype(np.int8)
    counted = found.source[codes >= 0]
    counts = {name: int((counted == place).sum()) for place, name in enumerate(SOURCES) if name}
    sources = {name: count for name, count in counts.items() if count}
    return TrainingCodes(
        aus=aus,
        codes=codes,
        sources=sources,
        layers={name: [layer.pk for layer in layers if layer.kind == name] for name in sources},
        ended=found.ended,
        noise=found.noise,
        run_noise=run_noise,
        test_codes=test_codes,
    )


def training_codes(dataset: DataSet, faces: FaceTable) -> TrainingCodes:
    """What the default small detector learns: the trusted codes; where no face has a reference code, the
    weak codes under the reviewed ones, of two weak layers the newer's first. Raises InputRefused when
    nothing is coded."""
    if not coded_aus(dataset):
        raise InputRefused(_("The data set has no AUs yet: import labels first."))
    chosen = codes_chosen(dataset, faces, {})
    if LayerKind.REFERENCE not in chosen.sources:
        chosen = codes_chosen(dataset, faces, {"weak": True})
    if not (chosen.codes == 1).any():
        raise InputRefused(_("No face has a present AU yet: import reference or weak labels first."))
    return chosen
