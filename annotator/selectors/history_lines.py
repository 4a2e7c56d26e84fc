"""The decisions of a history in detail: what became of each AU, how many faces, what undid them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Min, QuerySet
from django.db.models.expressions import Combinable, CombinedExpression

from annotator.choices import Intensity
from annotator.masks import intensities_unpack
from annotator.models import CodedAU, Decision, DecisionEvent, DecisionFace, Face, Member
from annotator.selectors.codes import is_blind
from annotator.selectors.review import CODE_WORDS, undo_depth

CODES = ("old", "new")
NONE = (0, 0)
GRADED = 500
"""Faces whose grades are read for one page at most."""


@dataclass(frozen=True)
class Change:
    """What a decision made of one AU: codes as in state tokens (p, a, u, -), on so many faces."""

    au: int
    old: str
    new: str
    count: int
    grades: str = ""
    """Of a single face, where it was graded: “B → C”, sides apart."""

    @property
    def css(self) -> str:
        """The badge's class of the new code."""
        return {"p": "badge present", "a": "badge absent", "u": "badge unscorable"}.get(self.new, "")

    @property
    def old_words(self) -> str:
        return str(CODE_WORDS[self.old])

    @property
    def new_words(self) -> str:
        return str(CODE_WORDS[self.new])


@dataclass(frozen=True)
class HistoryLine:
    """One decision of the history."""

    decision: Decision
    aus: list[CodedAU]
    changes: list[Change]
    faces: int
    position: int | None
    """The face, where it is one."""
    seen: int
    """How many faces were in view."""
    event: DecisionEvent | None
    undone_by: Decision | None
    redo: bool
    shows_cluster: bool


def lines_of(member: Member, decisions: Sequence[Decision], *, face: Face | None = None) -> list[HistoryLine]:
    """The decisions with what they changed; with `face`, what they changed on this one."""
    ids = [decision.pk for decision in decisions]
    listed = list(member.dataset.coded_aus.all())
    shown = not is_blind(member.user, member.dataset)
    undone = {
        one.undoes_id: one for one in Decision.objects.filter(undoes_id__in=ids).only("pk", "undoes", "created_at")
    }
    events = {
        event.decision_id: event for event in DecisionEvent.objects.filter(decision_id__in=ids).select_related("clip")
    }
    counts: dict[int, tuple[int, int]] = {
        row["decision_id"]: (row["count"], row["first"])
        for row in DecisionFace.objects.filter(decision_id__in=ids)
        .values("decision_id")
        .annotate(count=Count("pk"), first=Min("face__position"))
    }
    changes = _changes(decisions, listed, face)
    return [
        HistoryLine(
            decision=decision,
            aus=[coded for coded in listed if coded.mask & decision.aus],
            changes=changes.get(decision.pk, []),
            faces=counts.get(decision.pk, NONE)[0],
            position=counts[decision.pk][1] if counts.get(decision.pk, NONE)[0] == 1 else None,
            seen=len(decision.in_view) if isinstance(decision.in_view, list) else 0,
            event=events.get(decision.pk),
            undone_by=undone.get(decision.pk),
            redo=undo_depth(decision) > 0 and undo_depth(decision) % 2 == 0,
            shows_cluster=shown,
        )
        for decision in decisions
    ]


def _changes(decisions: Sequence[Decision], listed: list[CodedAU], face: Face | None) -> dict[int, list[Change]]:
    """By decision, what became of each of its AUs, counted in the database over its faces."""
    rows = DecisionFace.objects.filter(decision_id__in=[decision.pk for decision in decisions])
    if face is not None:
        rows = rows.filter(face=face)
    masks = [f"{when}_{what}" for when in CODES for what in ("present", "scored", "unscorable")]
    inside = {f"in_{name}": CombinedExpression(F(name), Combinable.BITAND, F("decision__aus")) for name in masks}
    grouped = rows.annotate(**inside).values("decision_id", *inside).annotate(count=Count("pk"))
    aus = {decision.pk: decision.aus for decision in decisions}
    counted: dict[int, Counter[tuple[int, str, str]]] = {}
    for row in grouped:
        tally = counted.setdefault(row["decision_id"], Counter())
        for coded in listed:
            if coded.mask & aus[row["decision_id"]]:
                old, new = (letter_of(row, f"in_{when}_", coded.mask) for when in CODES)
                tally[coded.au, old, new] += row["count"]
    grades = _grades(rows, listed)
    return {
        number: [
            Change(au, old, new, count, grades.get((number, au), "") if count == 1 else "")
            for (au, old, new), count in tally.items()
        ]
        for number, tally in counted.items()
    }


def letter_of(row: dict[str, int], prefix: str, mask: int) -> str:
    """One AU's letter, as in state tokens, out of a row's masks."""
    if row[f"{prefix}unscorable"] & mask:
        return "u"
    if row[f"{prefix}present"] & mask:
        return "p"
    return "a" if row[f"{prefix}scored"] & mask else "-"


def _grades(rows: QuerySet[DecisionFace], listed: list[CodedAU]) -> dict[tuple[int, int], str]:
    """“B → C” by (decision, AU), for decisions that graded something on one face."""
    graded = rows.exclude(old_intensities=None, new_intensities=None)
    single = graded.values("decision_id").annotate(count=Count("pk")).filter(count=1).values("decision_id")
    told = {}
    values = graded.filter(decision_id__in=single).values_list("decision_id", "old_intensities", "new_intensities")
    for number, old, new in values[:GRADED]:
        before, after = intensities_unpack(old), intensities_unpack(new)
        for coded in listed:
            if coded.bit in before or coded.bit in after:
                told[number, coded.au] = f"{_sides(before.get(coded.bit))} → {_sides(after.get(coded.bit))}"
    return told


def _sides(pair: tuple[int, int] | None) -> str:
    """“B”, or “B/C” for the subject's left and right; “–” for neither."""
    names = [side_name(level) for level in pair or ()]
    return "/".join(dict.fromkeys(names)) or "–"


def side_name(level: int) -> str:
    """A level of intensity as letters: “0”, “A” … “E”, “+” for present without a grade, “” for not scored."""
    return {Intensity.NONE: "0", Intensity.UNGRADED: "+", Intensity.NOT_SCORED: ""}.get(
        Intensity(level), Intensity(level).name
    )
