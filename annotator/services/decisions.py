"""Decisions: append-only records of what people did, written together with the layer they change.

One decision is one transaction: either every face of it changes or none does. Each person's codes are
one `coder` layer; its row is the lock that puts that person's own writes (two tabs, a replay) in order.
"""

import uuid
from collections.abc import Mapping, Sequence

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotator.choices import AssignmentState, DecisionKind, Mode, Scope
from annotator.errors import Conflict, InputRefused, NotAllowed
from annotator.models import (
    Assignment,
    Cluster,
    DataSet,
    Decision,
    DecisionFace,
    Label,
    LabelLayer,
)
from annotator.selectors.codes import LayerCodes, face_ids, layer_codes
from annotator.selectors.review import decision_redoable, decision_undoable
from annotator.services.assignments import assignment_reopen
from annotator.services.bulk import rows_insert
from annotator.services.coder_layers import layer_lock, same_dataset
from annotator.services.datasets import revision_raise
from annotator.services.decision_checks import (
    AssignmentStale,
    DecisionStale,
    ProtocolStale,
    StaleFace,
    assignment_check,
    aus_check,
    expected_check,
    hidden_check,
    protocol_check,
)
from annotator.services.decision_codes import (
    FaceRows,
    codes_apply,
    codes_wanted,
    confirmable,
    levels_apply,
    levels_wanted,
)
from annotator.services.events import event_turn_back
from annotator.services.pairs import PairsAsked, pairs_ask
from annotator.services.standing_codes import codes_turned

__all__ = [
    "AssignmentStale",
    "DecisionStale",
    "PairsAsked",
    "ProtocolStale",
    "StaleFace",
    "decision_make",
    "decision_redo",
    "decision_undo",
]

MASKS = ("present", "scored", "unscorable", "noise")
LAST_POSITION = 2**63 - 1
"""The largest that a database's integer holds."""


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
    sides: tuple[int | None, int | None] | None = None,
    expected_sides: Mapping[int, tuple[int, int]] | None = None,
    hidden: int | None = None,
    sure: bool = False,
) -> Decision:
    """Record one decision on the faces at these positions and write it into the user's own layer.

    `aus` are AU numbers. `code` says what a relabelling writes: {position: 1 or 0}, "present",
    "absent", or "other" (the opposite of what the page showed: the coder's own code, else the
    proposal); a confirmation always takes each face's proposal and passes over faces without one.
    A restoring clears the AUs' codes and the noise mark, unless `keep_noise`.
    `sides` grades one AU in the place of `code`: (left, right) of the subject's own as Intensity values,
    None for a side that stays as it is; whether the AU is present follows from the protocol's threshold.
    `hidden` says why an AU is unscorable (Hidden; 74 where nothing is said).
    `expected` are the state tokens that the page showed, by position, and `expected_sides` the levels of
    the one AU. A repeated `client_id` returns the earlier decision and does nothing.

    Raises PairsAsked (422, nothing written) where two AUs would be present together that exclude each
    other or seldom go together, unless `sure`; DecisionStale, ProtocolStale or AssignmentStale (409,
    nothing written), InputRefused for what can't be written, NotAllowed for machine codes asked for in
    blind mode.
    """
    if any(not 0 <= position <= LAST_POSITION for position in faces):
        raise InputRefused(_("There is no face at such a position."))
    try:
        with transaction.atomic():
            layer = layer_lock(dataset, user)
            earlier = Decision.objects.filter(user=user, client_id=client_id).first()
            if earlier is not None:
                return same_dataset(earlier, dataset)
            listed = aus_check(dataset, aus, kind)
            protocol = protocol_check(dataset, protocol_version)
            if assignment is not None:
                cluster = assignment_check(assignment, user, dataset, listed, faces, mode)
            rows = _rows_read(dataset, layer, faces)
            expected_check(rows, listed, expected, expected_sides)
            levels: dict[int, tuple[int, int]] = {}
            if sides is not None and kind == DecisionKind.RELABEL:
                wanted, levels = levels_wanted(sides, rows, listed, protocol.present_from)
            else:
                wanted = codes_wanted(kind, code, rows, listed, mode, dataset, cluster)
            if kind == DecisionKind.CONFIRM:
                rows, wanted = confirmable(rows, wanted)
            new = codes_apply(rows.old, wanted, [coded.bit for coded in listed], kind, keep_noise)
            if levels:
                new = levels_apply(new, levels, listed[0].bit)
            if not sure:
                pairs_ask(dataset, rows, new)
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
                protocol_version=protocol.version,
                hidden=hidden_check(kind, hidden),
            )
            _decision_write(decision, layer, rows.ids, rows.old, new)
    except IntegrityError:
        # The same client_id at the same moment in another data set, where another lock was held.
        earlier = Decision.objects.filter(user=user, client_id=client_id).first()
        if earlier is None:
            # Or a subject was withdrawn between the reading of the faces and the writing.
            _ids_find(dataset, list(dict.fromkeys(faces)))
            raise
        return same_dataset(earlier, dataset)
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
    spoke of it (`selectors.review.undo_left(undo)` names those faces). An event is put back likewise. Undoing
    an undo redoes. Raises NotAllowed for others' decisions, Conflict for one that is undone already,
    InputRefused when there is nothing to undo or another event lies there now.
    """
    dataset = decision.dataset if decision is not None else dataset
    if dataset is None:
        raise ValueError("Either a decision or a data set is needed.")
    if decision is not None and decision.user_id != user.pk:
        raise NotAllowed(_("Only the one who made a decision can undo it."))
    with transaction.atomic():
        layer = layer_lock(dataset, user)
        earlier = Decision.objects.filter(user=user, client_id=client_id).first()
        if earlier is not None:
            return same_dataset(earlier, dataset)
        decision = decision or decision_undoable(dataset, user)
        if decision is None:
            raise InputRefused(_("There is nothing to undo."))
        if Decision.objects.filter(undoes=decision).exists():
            raise Conflict(_("This decision was undone already."))
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
        event_turn_back(decision, undo, layer)
        assignment = decision.assignment
        if assignment is not None and assignment.state == AssignmentState.DONE:
            assignment_reopen(assignment=assignment, user=user)
    return undo


def decision_redo(*, user: User, client_id: uuid.UUID, dataset: DataSet) -> Decision:
    """Take back one's latest undo; InputRefused when a new decision was made since."""
    earlier = Decision.objects.filter(user=user, client_id=client_id).first()
    if earlier is not None:
        return same_dataset(earlier, dataset)
    undo = decision_redoable(dataset, user)
    if undo is None:
        raise InputRefused(_("There is nothing to redo."))
    return decision_undo(user=user, client_id=client_id, decision=undo)


def _rows_read(dataset: DataSet, layer: LabelLayer, faces: Sequence[int]) -> FaceRows:
    positions = list(dict.fromkeys(int(position) for position in faces))
    if not positions:
        raise InputRefused(_("Choose at least one face."))
    ids = _ids_find(dataset, positions)
    return FaceRows(ids, np.array(positions, np.int64), layer_codes(layer, ids))


def _ids_find(dataset: DataSet, positions: Sequence[int]) -> list[int]:
    """The ids of the faces at these positions, in their order. Conflict where one is gone."""
    ids = face_ids(dataset, np.array(positions, np.int64))
    if gone := ids.count(-1):
        raise Conflict(
            _("%(gone)s of these faces are no longer in the data set. Nothing was written; load the page again.")
            % {"gone": gone}
        )
    return ids


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
