"""The history as a table: lines of CSV, made piece by piece, cells guarded against spreadsheets."""

from collections.abc import Iterator
from typing import Any

from annotator.formats.writing import line_write
from annotator.masks import intensities_unpack
from annotator.models import Decision, DecisionFace, Member
from annotator.selectors.codes import is_blind
from annotator.selectors.history import assignments_page, audit_page, history_walk
from annotator.selectors.history_filters import HistoryFilter
from annotator.selectors.history_lines import HistoryLine, letter_of, side_name

CHUNK = 2_000
WORDS = {"p": "present", "a": "absent", "u": "unscorable", "-": ""}
DECISIONS = (
    "decision", "time", "person", "kind", "mode", "scope", "unsure", "hidden", "note", "run", "cluster", "undoes",
    "undone_by", "protocol_version", "revision", "faces", "faces_in_view", "face", "image", "subject", "clip", "AU",
    "old", "new", "old_left", "old_right", "new_left", "new_right", "old_noise", "new_noise",
    "old_onset", "old_apex", "old_offset", "new_onset", "new_apex", "new_offset",
)  # fmt: skip
ASSIGNMENTS = ("assignment", "person", "AUs", "run", "cluster", "mode", "state", "taken", "lease_until", "closed")
AUDIT = ("entry", "time", "person", "action", "detail")
MOMENTS = ("onset", "apex", "offset")
Row = dict[str, Any]


def history_csv(member: Member, asked: HistoryFilter, show: str) -> Iterator[str]:
    """The whole filtered list, header first: `show` is decisions (a line for each face and AU), assignments or
    audit. Times are UTC. No more than a piece is held at a time."""
    if show == "decisions":
        yield line_write(DECISIONS)
        for lines in history_walk(member, asked):
            yield from (_line(DECISIONS, row) for row in _decision_rows(member, lines, asked))
        return
    columns = ASSIGNMENTS if show == "assignments" else AUDIT
    yield line_write(columns)
    for row in _assignment_rows(member, asked) if show == "assignments" else _audit_rows(member, asked):
        yield _line(columns, row)


def _line(columns: tuple[str, ...], row: Row) -> str:
    return line_write("" if row.get(name) is None else str(row[name]) for name in columns)


def _decision_rows(member: Member, lines: list[HistoryLine], asked: HistoryFilter) -> Iterator[Row]:
    """A row for each face and AU of the decisions, in their order; one for a decision without faces."""
    by_id = {line.decision.pk: line for line in lines}
    rows = DecisionFace.objects.filter(decision_id__in=by_id).select_related("face__subject", "face__clip")
    if asked.face is not None and not asked.seen:
        rows = rows.filter(face=asked.face)
    blind = is_blind(member.user, member.dataset)
    told = set()
    for changed in rows.order_by("-decision_id", "face__position").iterator(chunk_size=CHUNK):
        line = by_id[changed.decision_id]
        told.add(line.decision.pk)
        yield from _face_rows(line, changed, blind)
    for line in lines:
        if line.decision.pk not in told:
            yield {**_head(line), **_event(line)}


def _head(line: HistoryLine) -> Row:
    decision: Decision = line.decision
    return {
        "decision": decision.pk,
        "time": decision.created_at.isoformat(),
        "person": decision.user.get_username(),
        "kind": decision.kind,
        "mode": decision.mode,
        "scope": decision.scope,
        "unsure": int(decision.unsure),
        "hidden": decision.hidden,
        "note": decision.note,
        "run": decision.run_id if line.shows_cluster else None,
        "cluster": decision.cluster_id if line.shows_cluster else None,
        "undoes": decision.undoes_id,
        "undone_by": line.undone_by.pk if line.undone_by else None,
        "protocol_version": decision.protocol_version,
        "revision": decision.revision,
        "faces": line.faces,
        "faces_in_view": line.seen,
    }


def _event(line: HistoryLine) -> Row:
    event = line.event
    if event is None:
        return {}
    values: Row = {"clip": event.clip.name, "AU": event.au}
    for when, told in (("old", event.old), ("new", event.new)):
        values |= {f"{when}_{name}": (told or {}).get(name) for name in MOMENTS}
    return values


def _face_rows(line: HistoryLine, changed: DecisionFace, blind: bool) -> Iterator[Row]:
    face = changed.face
    head = {
        **_head(line),
        "face": face.position,
        "image": None if blind else face.image,
        "subject": face.subject.pseudonym if face.subject else None,
        "clip": face.clip.name if face.clip else None,
        "old_noise": int(changed.old_noise),
        "new_noise": int(changed.new_noise),
    }
    if not line.aus:
        yield head
    masks = vars(changed)
    old, new = intensities_unpack(changed.old_intensities), intensities_unpack(changed.new_intensities)
    for coded in line.aus:
        row = {**head, "AU": coded.au}
        for when, graded in (("old", old), ("new", new)):
            row[when] = WORDS[letter_of(masks, f"{when}_", coded.mask)]
            for side, level in zip(("left", "right"), graded.get(coded.bit, ()), strict=False):
                row[f"{when}_{side}"] = side_name(level)
        yield row


def _assignment_rows(member: Member, asked: HistoryFilter) -> Iterator[Row]:
    shown = not is_blind(member.user, member.dataset)
    listed = list(member.dataset.coded_aus.all())
    before: int | None = None
    while page := assignments_page(member, asked, before=before, limit=CHUNK):
        before = page[-1].pk
        for held in page:
            yield {
                "assignment": held.pk,
                "person": held.coder.get_username(),
                "AUs": " ".join(str(coded.au) for coded in listed if coded.mask & held.aus),
                "run": held.cluster.run_id if shown and held.cluster else None,
                "cluster": held.cluster_id if shown else None,
                "mode": held.mode,
                "state": held.state,
                "taken": held.created_at.isoformat(),
                "lease_until": held.lease_until.isoformat(),
                "closed": held.closed_at.isoformat() if held.closed_at else None,
            }


def _audit_rows(member: Member, asked: HistoryFilter) -> Iterator[Row]:
    before: int | None = None
    while page := audit_page(member, asked, before=before, limit=CHUNK):
        before = page[-1].pk
        for entry in page:
            yield {
                "entry": entry.pk,
                "time": entry.created_at.isoformat(),
                "person": entry.user.get_username() if entry.user else None,
                "action": entry.action,
                "detail": "; ".join(f"{name}: {value}" for name, value in entry.detail.items()),
            }
