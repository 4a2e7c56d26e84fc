"""What a training would learn from, looked at before it starts: light enough for a page.

The same figures go into the snapshot's summary when the training freezes its codes.
"""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from django.core.cache import cache
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.masks import UNSCORABLE
from annotator.models import DataSet, Label
from trainer.algorithms.folds import FEW_SUBJECTS
from trainer.selectors.training_codes import FaceTable, TrainingCodes, codes_chosen, face_table

FEW_POSITIVES = 20
"""With fewer present codes an F1 jumps by several hundredths from one face to the next."""
KEEP_SECONDS, SLOW_SECONDS = 3600, 1.0
REASONS = {
    "test": gettext_lazy("test faces, for reporting only"),
    "noise": gettext_lazy("set apart as noise"),
    "disagreed": gettext_lazy("coders disagree, and there is no consensus"),
    "unscorable": gettext_lazy("unscorable"),
    "run_noise": gettext_lazy("in the noise group of the adopted run"),
    "waiting": gettext_lazy("coded by fewer coders than the protocol asks for"),
    "proposal": gettext_lazy("have a proposal only, and proposals are not chosen"),
    "weak": gettext_lazy("have weak labels only, and those are not chosen"),
    "uncoded": gettext_lazy("nobody coded them"),
}
"""Why a face is left out; of several reasons the first counts."""


@dataclass(frozen=True)
class AUCheck:
    """One AU's codes in the snapshot."""

    au: int
    present: int
    absent: int
    present_subjects: int
    """Subjects of whom a face has it."""
    unscorable: int
    """Codes of faces that may be learned from: looked at, and not to be told."""
    disagreed: int
    """The same: coders disagree, and there is no consensus."""

    @property
    def known(self) -> int:
        return self.present + self.absent

    @property
    def learned(self) -> bool:
        """Whether there is something to tell apart; the detector leaves other AUs out."""
        return self.present > 0 and self.absent > 0


@dataclass(frozen=True)
class Problem:
    """Something to know before the start, in words; `stops` where nothing could be learned at all."""

    text: str
    stops: bool = False


@dataclass(frozen=True)
class SnapshotCheck:
    """What goes into a snapshot, what stays out and why."""

    revision: int
    faces: int
    """Those with a code that counts."""
    subjects: int
    """Of those faces; a clip without a subject is one, and so is a still."""
    aus: tuple[AUCheck, ...]
    sources: dict[str, int]
    """How many codes each kind of layer gave."""
    left_out: dict[str, int]
    """Faces by reason, in the order of REASONS; reasons without faces are not named."""
    test_faces: int
    """Test faces with a trusted code, which the report is about; they are never learned from."""
    all_faces: int
    folds: int = 3

    @property
    def positives(self) -> dict[int, int]:
        return {one.au: one.present for one in self.aus}

    @property
    def learned(self) -> list[int]:
        """The AUs that the detector would know."""
        return [one.au for one in self.aus if one.learned]

    @property
    def single_left_out(self) -> list[AUCheck]:
        """The AUs of which single codes are left out, whatever becomes of the face's other codes."""
        return [one for one in self.aus if one.unscorable or one.disagreed]

    @property
    def left_out_words(self) -> list[tuple[str, int]]:
        """(reason in words, faces)."""
        return [(str(REASONS[reason]), faces) for reason, faces in self.left_out.items()]

    @property
    def problems(self) -> list[Problem]:
        return list(_problems(self))

    @property
    def ready(self) -> bool:
        return not any(problem.stops for problem in self.problems)

    def summary(self) -> dict[str, object]:
        """JSON-ready, as a snapshot keeps it."""
        return {
            "faces": self.faces,
            "subjects": self.subjects,
            "all_faces": self.all_faces,
            "test_faces": self.test_faces,
            "aus": [asdict(one) | {"known": one.known, "learned": one.learned} for one in self.aus],
            "sources": self.sources,
            "left_out": self.left_out,
        }


def training_check(dataset: DataSet, sources: Mapping[str, bool], *, folds: int = 3) -> SnapshotCheck:
    """What a training with these sources, {"proposals": bool, "weak": bool}, would learn from now.

    Where looking took long, as with a million faces, the answer is kept until the data set changes.
    """
    chosen = {name: bool(sources.get(name)) for name in ("proposals", "weak")}
    dataset.refresh_from_db(fields=["revision"])
    marks = f"{dataset.pk}:{dataset.created_at.timestamp()}:{dataset.revision}:{chosen}"
    key = f"training-check:{marks}".replace(" ", "")
    kept: SnapshotCheck | None = cache.get(key)
    if kept is not None:
        return replace(kept, folds=folds)
    started = time.monotonic()
    faces = face_table(dataset)
    check = codes_check(dataset, faces, codes_chosen(dataset, faces, chosen), folds=folds)
    if time.monotonic() - started > SLOW_SECONDS:
        cache.set(key, check, KEEP_SECONDS)
    return check


def codes_check(dataset: DataSet, faces: FaceTable, found: TrainingCodes, *, folds: int = 3) -> SnapshotCheck:
    """The figures of codes that are read already."""
    coded = np.asarray((found.codes >= 0).any(axis=1))
    subjects = _subjects(faces)
    return SnapshotCheck(
        revision=dataset.revision,
        faces=int(coded.sum()),
        subjects=len(np.unique(subjects[coded])),
        aus=tuple(_au_check(faces, found, subjects, column) for column in range(len(found.aus))),
        sources=found.sources,
        left_out=_left_out(dataset, faces, found, coded),
        test_faces=int((found.test_codes >= 0).any(axis=1).sum()),
        all_faces=len(faces.ids),
        folds=folds,
    )


def _subjects(faces: FaceTable) -> NDArray[np.int64]:
    """(N,) one number a person; stills without a subject get numbers of their own, below 0."""
    return np.where(faces.people < 0, -1 - np.arange(len(faces.ids)), faces.people)


def _au_check(faces: FaceTable, found: TrainingCodes, subjects: NDArray[np.int64], column: int) -> AUCheck:
    codes = found.codes[:, column]
    ended = found.ended[~faces.is_test & ~found.noise, column]
    return AUCheck(
        au=found.aus[column].au,
        present=int((codes == 1).sum()),
        absent=int((codes == 0).sum()),
        present_subjects=len(np.unique(subjects[codes == 1])),
        unscorable=int((ended == UNSCORABLE).sum()),
        disagreed=int((ended == 1).sum()),
    )


def _left_out(dataset: DataSet, faces: FaceTable, found: TrainingCodes, coded: NDArray[np.bool_]) -> dict[str, int]:
    """Faces without a code that counts, each under the first reason that holds."""
    open_ = ~coded
    ids = np.array(faces.ids, dtype=np.int64)
    counts: dict[str, int] = {}

    def take(reason: str, holds: NDArray[np.bool_]) -> None:
        nonlocal open_
        if number := int((open_ & holds).sum()):
            counts[reason] = number
        open_ = open_ & ~holds

    take("test", faces.is_test)
    take("noise", found.noise)
    take("disagreed", (found.ended == 1).any(axis=1))
    take("unscorable", (found.ended == UNSCORABLE).any(axis=1))
    take("run_noise", found.run_noise)
    # Which layers have a code for the rest is only asked where there is a rest.
    for reason, kind in (("waiting", LayerKind.CODER), ("proposal", LayerKind.PROPOSAL), ("weak", LayerKind.WEAK)):
        if open_.any():
            take(reason, np.isin(ids, _faces_scored(dataset, kind, sum(coded.mask for coded in found.aus))))
    take("uncoded", open_)
    return counts


def _faces_scored(dataset: DataSet, kind: LayerKind, mask: int) -> NDArray[np.int64]:
    """Ids of the faces that a layer of this kind has a code for, of the AUs in the mask."""
    rows = Label.objects.filter(layer__dataset=dataset, layer__kind=kind)
    rows = rows.annotate(hit=F("scored").bitand(mask)).filter(hit__gt=0)
    return np.fromiter(rows.values_list("face_id", flat=True).iterator(chunk_size=20_000), np.int64)


def _problems(check: SnapshotCheck) -> Iterable[Problem]:
    if not check.aus:
        yield Problem(_("The data set has no AUs yet: import labels first."), stops=True)
        return
    if not check.faces:
        yield Problem(_nothing_coded(check), stops=True)
        return
    if not check.learned:
        yield Problem(_("No AU has both present and absent codes, so there is nothing to tell apart."), stops=True)
        return
    if check.faces < 2 * check.folds:
        yield Problem(
            _("%(faces)d coded faces are too few for %(folds)d folds.")
            % {"faces": check.faces, "folds": check.folds},
            stops=True,
        )
    if check.subjects < check.folds:
        yield Problem(_subjects_few(check))
    if nothing_kept := _validation_none(check):
        yield Problem(nothing_kept)
    yield from _au_problems(check)
    if not check.test_faces:
        yield Problem(_("No test face has a trusted code: the report rests on cross-validation alone."))


def _nothing_coded(check: SnapshotCheck) -> str:
    if check.left_out.get("weak"):
        return _("No face has a reviewed or reference code: choose the weak labels too, or review some faces.")
    if check.left_out.get("proposal"):
        return _("No face has a reviewed or reference code: choose the proposals too, or review some faces.")
    return _("No face has a code yet: import labels or review some faces.")


def _subjects_few(check: SnapshotCheck) -> str:
    if check.subjects == 1:
        return _(
            "All coded faces are of one subject: scores in the report are of faces the networks didn't see, "
            "but of a subject they know."
        )
    return ngettext(
        "There is %(subjects)d subject for %(folds)d folds: there will be as many folds as subjects.",
        "There are %(subjects)d subjects for %(folds)d folds: there will be as many folds as subjects.",
        check.subjects,
    ) % {"subjects": check.subjects, "folds": check.folds}


def _validation_none(check: SnapshotCheck) -> str:
    """What to know where subjects_split keeps no subject of a usual share, here or without a fold's subjects."""
    if check.subjects < FEW_SUBJECTS:
        return _(
            "With fewer than five subjects none is kept for validation, unless the share for it is as large as one "
            "of them: then there are no validation curves, and early stopping does nothing."
        )
    if check.subjects - math.ceil(check.subjects / check.folds) < FEW_SUBJECTS:
        return _(
            "Without a fold's subjects fewer than five are left, and none of them is kept for validation, unless the "
            "share for it is as large as one: then fold networks have no validation curve and don't stop early."
        )
    return ""


def _au_problems(check: SnapshotCheck) -> Iterable[Problem]:
    """One sentence for all AUs of which the same is to be said."""
    without = [one for one in check.aus if one.known == 0]
    never = [one for one in check.aus if one.known and not one.present]
    always = [one for one in check.aus if one.known and not one.absent]
    learned = [one for one in check.aus if one.learned]
    # With one subject in all there is no cross-validation by subject anyway.
    one_subject = [one for one in learned if one.present_subjects == 1 and check.subjects > 1]
    few = [one for one in learned if one.present < FEW_POSITIVES and one not in one_subject]
    if without:
        yield Problem(
            ngettext(
                "%(aus)s has no code: the detector won't know it.",
                "%(aus)s have no code: the detector won't know them.",
                len(without),
            )
            % {"aus": _named(without)}
        )
    for found, words in ((never, _("present")), (always, _("absent"))):
        if found:
            yield Problem(
                ngettext(
                    "%(aus)s is %(code)s in no face: the detector won't know it.",
                    "%(aus)s are %(code)s in no face: the detector won't know them.",
                    len(found),
                )
                % {"aus": _named(found), "code": words}
            )
    if one_subject:
        yield Problem(
            _("Present in one subject only, so that cross-validation by subject can't judge it: %(aus)s.")
            % {"aus": _named(one_subject)}
        )
    if few:
        told = ", ".join(f"AU{one.au} ({one.present})" for one in few)
        yield Problem(
            _("Present in fewer than %(least)d faces, so that figures will be rough: %(aus)s.")
            % {"least": FEW_POSITIVES, "aus": told}
        )


def _named(found: Iterable[AUCheck]) -> str:
    return ", ".join(f"AU{one.au}" for one in found)
