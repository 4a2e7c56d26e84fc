"""What the history may be asked for: a fixed list of filters, read from texts, each refused in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from annotator.choices import DecisionKind
from annotator.errors import InputRefused
from annotator.models import Assignment, Cluster, ClusterRun, Decision, Face, Member, Subject
from annotator.numbers import whole_number
from annotator.selectors.codes import coded_aus, is_blind

FILTERS = ("person", "kind", "au", "cluster", "run", "face", "subject", "seen", "since", "until", "action")
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class HistoryFilter:
    """What the history is narrowed to; None and “” narrow nothing."""

    person: User | None = None
    kind: str = ""
    au: int | None = None
    mask: int = 0
    """The bit of `au`."""
    cluster: Cluster | None = None
    run: int | None = None
    face: Face | None = None
    subject: Subject | None = None
    seen: bool = False
    """Also where the face or subject was only in view."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment after the last day."""
    action: str = ""
    """Of the audit trail."""


class FilterRefused(InputRefused):
    """`problems` says of each filter what is wrong with it."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems.values()))


def history_filter(member: Member, asked: Mapping[str, str]) -> HistoryFilter:
    """The filter that these texts ask for. Raises FilterRefused with all that is wrong. While the member codes
    blind, clusters, runs and pictures' own names can't be asked for."""
    reader = _Reader(member, asked)
    found = {
        "person": reader.read("person", reader.person),
        "kind": reader.read("kind", reader.kind) or "",
        "au": reader.read("au", reader.au),
        "cluster": reader.read("cluster", reader.cluster),
        "run": reader.read("run", reader.run),
        "face": reader.read("face", reader.face),
        "subject": reader.read("subject", reader.subject),
        "since": reader.read("since", reader.since),
        "until": reader.read("until", reader.until),
        "action": asked.get("action", "").strip()[:60],
        "seen": asked.get("seen") == "1",
    }
    if reader.problems:
        raise FilterRefused(reader.problems)
    mask = next((one.mask for one in coded_aus(member.dataset) if one.au == found["au"]), 0)
    return HistoryFilter(mask=mask, **found)


class _Reader:
    """Reads one filter after another and gathers what is wrong."""

    def __init__(self, member: Member, asked: Mapping[str, str]) -> None:
        self.member, self.dataset, self.asked = member, member.dataset, asked
        self.blind = is_blind(member.user, member.dataset)
        self.problems: dict[str, str] = {}
        self.zone = _zone(asked.get("zone", ""))

    def read(self, name: str, how: Callable[[str], Any]) -> Any:
        text = self.asked.get(name, "").replace("\0", "").strip()
        if not text:
            return None
        try:
            return how(text)
        except InputRefused as refused:
            self.problems[name] = str(refused)
            return None

    def person(self, text: str) -> User:
        """Somebody who is or was at work in this data set; of others it isn't told that they exist."""
        decided = Decision.objects.filter(dataset=self.dataset, user=OuterRef("pk"))
        held = Assignment.objects.filter(dataset=self.dataset, coder=OuterRef("pk"))
        known = Q(memberships__dataset=self.dataset) | Exists(decided) | Exists(held)
        person = User.objects.filter(known, username=text).distinct().first()
        if person is None:
            raise InputRefused(_("Nobody of this name has worked here."))
        return person

    def kind(self, text: str) -> str:
        if text not in DecisionKind.values:
            raise InputRefused(_("There is no such kind of decision."))
        return text

    def au(self, text: str) -> int:
        number = _whole(text.upper().removeprefix("AU"))
        if number not in {coded.au for coded in coded_aus(self.dataset)}:
            raise InputRefused(_("AU%(au)s is not on the list of this data set.") % {"au": number})
        return number

    def cluster(self, text: str) -> Cluster:
        self._machines_refuse()
        cluster = Cluster.objects.filter(run__dataset=self.dataset, pk=_whole(text)).first()
        if cluster is None:
            raise InputRefused(_("There is no such cluster in this data set."))
        return cluster

    def run(self, text: str) -> int:
        self._machines_refuse()
        run = ClusterRun.objects.filter(dataset=self.dataset, pk=_whole(text)).first()
        if run is None:
            raise InputRefused(_("There is no such run in this data set."))
        return run.pk

    def face(self, text: str) -> Face:
        faces = Face.objects.filter(dataset=self.dataset)
        position = whole_number(text)
        face = faces.filter(position=position).first() if position is not None else None
        if face is None and not self.blind:
            face = faces.filter(image=text).first()
        if face is None:
            raise InputRefused(_("No face has this number or picture name."))
        return face

    def subject(self, text: str) -> Subject:
        subject = Subject.objects.filter(dataset=self.dataset, pseudonym=text).first()
        if subject is None:
            raise InputRefused(_("No subject has this pseudonym."))
        return subject

    def since(self, text: str) -> datetime:
        return datetime.combine(_day(text), time(), self.zone)

    def until(self, text: str) -> datetime:
        return datetime.combine(_day(text) + timedelta(days=1), time(), self.zone)

    def _machines_refuse(self) -> None:
        if self.blind:
            raise InputRefused(_("Clusters and runs stay hidden while you have a blind assignment open."))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST):
        raise InputRefused(_("This must be a whole number."))
    return int(text)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputRefused(_("A day is written as 2026-03-31.")) from None
    if not 1990 <= day.year <= 2200:
        raise InputRefused(_("A day is written as 2026-03-31."))
    return day


def _zone(name: str) -> tzinfo:
    """The reader's zone, in which days are meant; UTC where the browser tells none or nonsense."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError, KeyError):
        return UTC
