"""Decisions: append-only records of what people did, written together with the layer they change.

One decision is one transaction: either every face of it changes or none does. Each person's codes are
one `coder` layer; its row is the lock that puts that person's own writes (two tabs, a replay) in order.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from annotator.choices import AssignmentState, DecisionKind, LayerKind, Mode, Scope
from annotator.errors import Conflict, InputRefused, NotAllowed
from annotator.facs import au_label
from annotator.models import (
    Assignment,
    Cluster,
    CodedAU,
    DataSet,
    Decision,
    DecisionFace,
    Face,
    Label,
    LabelLayer,
)
from annotator.selectors.clusters import cluster_positions
from annotator.selectors.codes import CHUNK, LayerCodes, layer_codes
from annotator.selectors.review import decision_redoable, decision_undoable, state_tokens, token_words
from annotator.services.assignments import assignment_renew, assignment_reopen, own_assignment_check
from annotator.services.bulk import rows_insert
from annotator.services.datasets import revision_raise
from annotator.services.decision_codes import (
    FaceRows,
    codes_apply,
    codes_wanted,
    confirmable,
    opposites_check,
)
from annotator.services.standing_codes import codes_turned

MASKS = ("present", "scored", "unscorable", "noise")
LAST_POSITION = 2**63 - 1
"""The largest that a database's integer holds."""


@dataclass(frozen=True)
class StaleFace:
    """A face whose state is not what the page showed; tokens as in selectors.review.state_tokens."""

    position: int
    shown: str
    now: str
    aus: tuple[int, ...] = ()

    @property
    def shown_words(self) -> str:
        return token_words(self.shown, self.aus)

    @property
    def now_words(self) -> str:
        return token_words(self.now, self.aus)


class DecisionStale(Conflict):
    """The coder's own codes changed since the page was made, in another tab or by a replay."""

    def __init__(self, faces: list[StaleFace]) -> None:
        self.faces = faces
        super().__init__(
            f"{len(faces)} of these faces changed since this page was shown, for example in another tab. "
            "Nothing was written: look again and decide once more."
        )


class ProtocolStale(Conflict):
    """The protocol or the AU list changed since the page was made."""


class AssignmentStale(Conflict):
    """The assignment that the page worked in is no longer this coder's, or is finished."""


def decision_make(
    *,
    dataset: DataSet,
    user: User,
    kind: DecisionKind,
    aus: Sequence[int],
    faces: Sequence[int],
    code: Mapping[int, int] | str | None = None,
    mode: Mode,
    scope: Scope,
    client_id: uuid.UUID,
    assignment: Assignment | None = None,
    cluster: Cluster | None = None,
    in_view: Sequence[int] = (),
    unsure: bool = False,
    note: str = "",
    expected: Mapping[int, str] | None = None,
    protocol_version: int | None = None,
    keep_noise: bool = False,
) -> Decision:
    """Record one decision on the faces at these positions and write it into the user's own layer.

    `aus` are AU numbers. `code` says what a relabelling writes: {position: 1 or 0}, "present",
    "absent", or "other" (the opposite of what the page showed: the coder's own code, else the
    proposal); a confirmation always takes each face's proposal and passes over faces without one.
    A restoring clears the AUs' codes and the noise mark, unless `keep_noise`.
    `expected` are the state tokens that the page showed, by position. A repeated `client_id` returns
    the earlier decision and does nothing.

    Raises DecisionStale, ProtocolStale or AssignmentStale (409, nothing written), InputRefused for
    what can't be written, NotAllowed for machine codes asked for in blind mode.
    """
    if any(not 0 <= position <= LAST_POSITION for position in faces):
        raise InputRefused("There is no face at such a position.")
    try:
        with transaction.atomic():
            layer = _layer_lock(dataset, user)
            earlier = Decision.objects.filter(user=user, client_id=client_id).first()
            if earlier is not None:
                return _same_dataset(earlier, dataset)
            listed = _aus_check(dataset, aus, kind)
            version = _protocol_check(dataset, protocol_version)
            if assignment is not None:
                cluster = _assignment_check(assignment, user, dataset, listed, faces, mode)
            rows = _rows_read(dataset, layer, faces)
            _expected_check(rows, listed, expected)
            wanted = codes_wanted(kind, code, rows, listed, mode, dataset, cluster)
            if kind == DecisionKind.CONFIRM:
                rows, wanted = confirmable(rows, wanted)
            new = codes_apply(rows.old, wanted, [coded.bit for coded in listed], kind, keep_noise)
            opposites_check(dataset, rows, new)
            decision = Decision(
                dataset=dataset,
                user=user,
                client_id=client_id,
                kind=kind,
                aus=sum(coded.mask for coded in listed),
                mode=mode,
                scope=scope,
                unsure=unsure,
                note=note.strip(),
                assignment=assignment,
                cluster=cluster,
                run_id=cluster.run_id if cluster else None,
                in_view=[int(position) for position in in_view],
                protocol_version=version,
            )
            _decision_write(decision, layer, rows.ids, rows.old, new)
    except IntegrityError:
        # The same client_id at the same moment in another data set, where another lock was held.
        earlier = Decision.objects.filter(user=user, client_id=client_id).first()
        if earlier is None:
            # Or a subject was withdrawn between the reading of the faces and the writing.
            _ids_find(dataset, list(dict.fromkeys(faces)))
            raise
        return _same_dataset(earlier, dataset)
    return decision


def decision_undo(
    *,
    user: User,
    client_id: uuid.UUID,
    decision: Decision | None = None,
    dataset: DataSet | None = None,
) -> Decision:
    """Undo one's own decision: the given one, or the latest of the data set that stands. Returns the
    new decision of kind undo.

    Each face gets the codes of the decisions that still stand: the one before, as long as no later one
    spoke of it (`selectors.review.undo_left(undo)` names those faces). Undoing an undo redoes.
    Raises NotAllowed for others' decisions, Conflict for one that is undone already,
    InputRefused when there is nothing to undo.
    """
    dataset = decision.dataset if decision is not None else dataset
    if dataset is None:
        raise ValueError("Either a decision or a data set is needed.")
    if decision is not None and decision.user_id != user.pk:
        raise NotAllowed("Only the one who made a decision can undo it.")
    with transaction.atomic():
        layer = _layer_lock(dataset, user)
        earlier = Decision.objects.filter(user=user, client_id=client_id).first()
        if earlier is not None:
            return _same_dataset(earlier, dataset)
        decision = decision or decision_undoable(dataset, user)
        if decision is None:
            raise InputRefused("There is nothing to undo.")
        if Decision.objects.filter(undoes=decision).exists():
            raise Conflict("This decision was undone already.")
        ids, now, back = codes_turned(decision, layer)
        undo = Decision(
            dataset=dataset,
            user=user,
            client_id=client_id,
            kind=DecisionKind.UNDO,
            undoes=decision,
            aus=decision.aus,
            mode=decision.mode,
            scope=decision.scope,
            assignment_id=decision.assignment_id,
            cluster_id=decision.cluster_id,
            run_id=decision.run_id,
            in_view=decision.in_view,
            protocol_version=dataset.protocols.latest("version").version,
        )
        _decision_write(undo, layer, ids, now, back)
        assignment = decision.assignment
        if assignment is not None and assignment.state == AssignmentState.DONE:
            assignment_reopen(assignment=assignment, user=user)
    return undo


def decision_redo(*, user: User, client_id: uuid.UUID, dataset: DataSet) -> Decision:
    """Take back one's latest undo; InputRefused when a new decision was made since."""
    earlier = Decision.objects.filter(user=user, client_id=client_id).first()
    if earlier is not None:
        return _same_dataset(earlier, dataset)
    undo = decision_redoable(dataset, user)
    if undo is None:
        raise InputRefused("There is nothing to redo.")
    return decision_undo(user=user, client_id=client_id, decision=undo)


def _layer_lock(dataset: DataSet, user: User) -> LabelLayer:
    """The user's own layer, made on first use and locked until the transaction ends."""
    names = [f"coder {user.get_username()}"[:120], f"coder {user.get_username()[:80]} ({user.pk})"]
    layer = LabelLayer.objects.filter(dataset=dataset, user=user).first()
    for name in names:
        if layer is None:
            try:
                with transaction.atomic():
                    layer = LabelLayer.objects.create(dataset=dataset, kind=LayerKind.CODER, user=user, name=name)
            except IntegrityError:  # made at this moment by another request, or the name is taken
                layer = LabelLayer.objects.filter(dataset=dataset, user=user).first()
    if layer is None:
        raise Conflict("The layer for your codes can't be made: its name is taken.")
    return LabelLayer.objects.select_for_update().get(pk=layer.pk)


def _same_dataset(decision: Decision, dataset: DataSet) -> Decision:
    if decision.dataset_id != dataset.pk:
        raise Conflict("This request's id was used in another data set already.")
    return decision


def _aus_check(dataset: DataSet, aus: Sequence[int], kind: DecisionKind) -> list[CodedAU]:
    listed = {coded.au: coded for coded in dataset.coded_aus.filter(hidden=False)}
    gone = [au_label(au) for au in aus if au not in listed]
    if gone:
        raise ProtocolStale(
            f"{', '.join(gone)} was taken off the AU list meanwhile. Nothing was written; your earlier "
            "codes are kept."
        )
    if not aus and kind not in (DecisionKind.NOISE, DecisionKind.RESTORE):
        raise InputRefused("A decision on codes needs an AU.")
    return [listed[au] for au in dict.fromkeys(aus)]


def _protocol_check(dataset: DataSet, shown: int | None) -> int:
    version = int(dataset.protocols.latest("version").version)
    if shown is not None and shown != version:
        raise ProtocolStale(
            f"The protocol changed meanwhile: this page was made under version {shown}, now version "
            f"{version} holds. Nothing was written; load the page again."
        )
    return version


def _assignment_check(
    assignment: Assignment,
    user: User,
    dataset: DataSet,
    listed: Sequence[CodedAU],
    faces: Sequence[int],
    mode: Mode,
) -> Cluster | None:
    """Check that the decision stays within the assignment, renew its lease, return its cluster."""
    own_assignment_check(assignment, user)
    if assignment.dataset_id != dataset.pk or assignment.mode != mode:
        raise InputRefused("The assignment is for another data set or mode.")
    if any(not coded.mask & assignment.aus for coded in listed):
        raise InputRefused("The assignment is for other AUs.")
    if assignment.cluster is not None:
        inside = bool(np.isin(np.asarray(faces, np.int64), cluster_positions(assignment.cluster)).all())
    else:
        given = set(assignment.assigned_faces.values_list("face__position", flat=True))
        inside = given.issuperset(faces)
    if not inside:
        raise InputRefused("Some of these faces are not in the assignment.")
    try:
        assignment_renew(assignment=assignment, user=user)
    except Conflict as error:
        raise AssignmentStale(str(error)) from None
    return assignment.cluster


def _rows_read(dataset: DataSet, layer: LabelLayer, faces: Sequence[int]) -> FaceRows:
    positions = list(dict.fromkeys(int(position) for position in faces))
    if not positions:
        raise InputRefused("Choose at least one face.")
    ids = _ids_find(dataset, positions)
    return FaceRows(ids, np.array(positions, np.int64), layer_codes(layer, ids))


def _ids_find(dataset: DataSet, positions: Sequence[int]) -> list[int]:
    """The ids of the faces at these positions, in their order. Conflict where one is gone."""
    found: dict[int, int] = {}
    for start in range(0, len(positions), CHUNK):
        chunk = positions[start : start + CHUNK]
        found.update(Face.objects.filter(dataset=dataset, position__in=chunk).values_list("position", "pk"))
    if len(found) != len(positions):
        raise Conflict(
            f"{len(positions) - len(found)} of these faces are no longer in the data set. Nothing was "
            "written; load the page again."
        )
    return [found[position] for position in positions]


def _expected_check(rows: FaceRows, listed: Sequence[CodedAU], expected: Mapping[int, str] | None) -> None:
    if expected is None:
        return
    now_tokens = state_tokens(rows.old, [coded.bit for coded in listed])
    aus = tuple(coded.au for coded in listed)
    tokens = dict(zip(rows.positions.tolist(), now_tokens, strict=True))
    stale = [
        StaleFace(position, expected[position], now, aus)
        for position, now in tokens.items()
        if position in expected and expected[position] != now
    ]
    if stale:
        raise DecisionStale(stale)


def _decision_write(
    decision: Decision, layer: LabelLayer, ids: Sequence[int], old: LayerCodes, new: LayerCodes
) -> None:
    """Append the decision with its faces and bring the layer up to date, in the bulk."""
    decision.revision = revision_raise(decision.dataset)
    decision.save(force_insert=True)
    before, after = _columns(old), _columns(new)
    faces, labels = [], []
    for row, (face_id, was, becomes) in enumerate(
        zip(ids, zip(*before, strict=True), zip(*after, strict=True), strict=True)
    ):
        sides_were, sides = old.intensities.get(row), new.intensities.get(row)
        faces.append((decision.pk, face_id, *was, sides_were, *becomes, sides))
        if was != becomes or sides != sides_were:
            labels.append((layer.pk, face_id, *becomes, sides))
    names = [*MASKS, "intensities"]
    columns = [f"{when}_{name}" for when in ("old", "new") for name in names]
    rows_insert(DecisionFace, ["decision", "face", *columns], faces)
    rows_insert(Label, ["layer", "face", *names], labels, key=("layer", "face"))


def _columns(codes: LayerCodes) -> tuple[list[int], list[int], list[int], list[bool]]:
    return codes.present.tolist(), codes.scored.tolist(), codes.unscorable.tolist(), codes.noise.tolist()
