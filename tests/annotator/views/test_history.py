"""The history: who may read what of it, its filters, its pages, its download."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from annotator.choices import AssignmentState, DecisionKind, LayerKind, Mode, Scope
from annotator.models import Assignment, AuditEntry, Cluster, Decision, Member, Subject
from annotator.selectors import history
from annotator.selectors.history import history_page
from annotator.selectors.history_filters import HistoryFilter
from annotator.services.assignments import assignment_next
from annotator.services.decisions import decision_make, decision_undo
from tests.factories import faces_make, layer_make, run_make


@pytest.fixture
def faces(dataset):
    return faces_make(dataset, 8)


@pytest.fixture
def run(dataset, faces):
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[0]] * 8, [12])
    return run_make(dataset, faces, 12, [1] * 4 + [2] * 4, [1] * 8, weak_layer=weak)


@pytest.fixture
def decide(dataset, faces):
    """decide(user, positions, code): one decision about AU12, and its options."""

    def make(user, positions, code="present", **options):
        values = {"kind": DecisionKind.RELABEL, "mode": Mode.ASSISTED, "scope": Scope.SELECTION, "aus": [12]}
        return decision_make(
            dataset=dataset, user=user, code=code, faces=positions, client_id=uuid.uuid4(), **{**values, **options}
        )

    return make


def shown(cast, name, dataset, **asked):
    answer = cast.client(name).get(reverse("history", args=[dataset.pk]), asked)
    assert answer.status_code == 200, answer.content.decode()
    return [line.decision for line in answer.context["rows"]]


def table(cast, name, dataset, **asked):
    answer = cast.client(name).get(reverse("history_download", args=[dataset.pk]), asked)
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_admins_adjudicators_and_analysts_see_every_decision_coders_their_own(dataset, cast, decide):
    first, second = decide(cast.bob, [0]), decide(cast.cleo, [0], "absent")
    for name in ("alice", "dora", "ana"):
        assert shown(cast, name, dataset) == [second, first]
    assert shown(cast, "bob", dataset) == [first]
    assert shown(cast, "cleo", dataset) == [second]


def test_a_coder_cannot_ask_for_anothers_decisions(dataset, cast, decide):
    decide(cast.cleo, [3], "absent", note="her secret")
    assert shown(cast, "bob", dataset, person="cleo") == []
    assert shown(cast, "bob", dataset, face="3") == []
    assert shown(cast, "bob", dataset, face="3", seen="1") == []
    page = cast.client("bob").get(reverse("history", args=[dataset.pk])).content.decode()
    assert "her secret" not in page and "cleo" not in page
    assert table(cast, "bob", dataset) == []
    api = cast.client("bob").get(reverse("api_history", args=[dataset.pk])).json()
    assert api == {"results": [], "next": None}


def test_in_a_blind_assignment_only_own_entries_and_no_clusters(dataset, cast, decide, run):
    own = decide(cast.dora, [0], cluster=run.clusters.get(number=1))
    decide(cast.bob, [1])
    assert len(shown(cast, "dora", dataset)) == 2
    Assignment.objects.create(
        dataset=dataset, coder=cast.dora, aus=4, mode=Mode.BLIND, lease_until=datetime.now(UTC) + timedelta(hours=1)
    )
    assert shown(cast, "dora", dataset) == [own]
    client = cast.client("dora")
    for query in ("", "?show=assignments"):
        page = client.get(reverse("history", args=[dataset.pk]) + query).content.decode()
        assert "Cluster" not in page and "bob" not in page
    assert {row["cluster"] + row["run"] + row["image"] for row in table(cast, "dora", dataset)} == {""}
    told = client.get(reverse("api_history", args=[dataset.pk])).json()["results"]
    assert [(one["cluster"], one["run"]) for one in told] == [(None, None)]
    assert (
        client.get(reverse("history", args=[dataset.pk]), {"cluster": Cluster.objects.first().pk}).status_code == 422
    )
    assert client.get(reverse("history", args=[dataset.pk]), {"face": "face-0.png"}).status_code == 422


def test_codes_before_and_after_are_told(dataset, cast, decide):
    decide(cast.bob, [0])
    decide(cast.bob, [0, 1], "absent", unsure=True, note="lip only")
    rows = table(cast, "alice", dataset)
    assert [(row["face"], row["AU"], row["old"], row["new"]) for row in rows] == [
        ("0", "12", "present", "absent"), ("1", "12", "", "absent"), ("0", "12", "", "present"),
    ]  # fmt: skip
    assert (rows[0]["person"], rows[0]["unsure"], rows[0]["note"], rows[0]["mode"]) == (
        "bob",
        "1",
        "lip only",
        "assisted",
    )
    page = cast.client("alice").get(reverse("history", args=[dataset.pk])).content.decode()
    assert "lip only" in page


def test_an_undo_is_an_entry_and_named_at_what_it_undid(dataset, cast, decide):
    decision = decide(cast.bob, [0])
    undo = decision_undo(user=cast.bob, client_id=uuid.uuid4(), decision=decision, dataset=dataset)
    rows = table(cast, "alice", dataset)
    assert [(row["kind"], row["undoes"], row["undone_by"]) for row in rows] == [
        ("undo", str(decision.pk), ""), ("relabel", "", str(undo.pk)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"person": "bob"}, {0, 1}), ({"kind": "noise"}, {1}), ({"au": "25"}, {2}), ({"face": "2"}, {2}),
        ({"face": "face-0.png"}, {0}), ({"face": "5"}, set()), ({"face": "5", "seen": "1"}, {2}),
        ({"subject": "s1"}, {0}), ({"subject": "s1", "seen": "1"}, {0, 2}), ({"person": "cleo", "au": "12"}, set()),
    ],
)  # fmt: skip
def test_filters(dataset, cast, decide, faces, asked, found):
    subject = Subject.objects.create(dataset=dataset, pseudonym="s1")
    type(faces[0]).objects.filter(pk=faces[0].pk).update(subject=subject)
    made = [
        decide(cast.bob, [0]),
        decide(cast.bob, [1], None, kind=DecisionKind.NOISE, aus=[]),
        decide(cast.cleo, [2], aus=[25], in_view=[0, 2, 5]),
    ]
    assert {made.index(one) for one in shown(cast, "alice", dataset, **asked)} == found


def test_days_are_meant_in_the_readers_zone(dataset, cast, decide):
    one, two, three = decide(cast.bob, [0]), decide(cast.bob, [1]), decide(cast.bob, [2])
    for decision, hour in ((one, 3), (two, 22), (three, 23)):
        Decision.objects.filter(pk=decision.pk).update(created_at=datetime(2026, 3, 10, hour, 30, tzinfo=UTC))
    asked = {"since": "2026-03-10", "until": "2026-03-10"}
    assert shown(cast, "alice", dataset, **asked) == [three, two, one]
    assert shown(cast, "alice", dataset, zone="Europe/Berlin", **asked) == [two, one]
    assert shown(cast, "alice", dataset, zone="Asia/Tokyo", **asked) == [one]
    assert shown(cast, "alice", dataset, since="2026-03-11") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"person": "nobody"}, {"person": "charlie"}, {"kind": "drop"}, {"au": "99"}, {"au": "x"},
        {"face": "1 or 1=1"},
        {"subject": "?"}, {"since": "yesterday"}, {"until": "2026-02-31"}, {"cluster": "0"}, {"cluster": "9" * 30},
        {"run": "-1"}, {"since": "0001-01-01"},
    ],
)  # fmt: skip
def test_what_cannot_be_a_filter_is_said_and_nothing_is_shown(dataset, cast, decide, asked):
    decide(cast.bob, [0])
    answer = cast.client("alice").get(reverse("history", args=[dataset.pk]), asked)
    assert answer.status_code == 422
    assert "rows" not in answer.context
    assert cast.client("alice").get(reverse("history_download", args=[dataset.pk]), asked).status_code == 400
    assert cast.client("alice").get(reverse("api_history", args=[dataset.pk]), asked).status_code == 400


def test_unknown_parameters_reach_no_query(dataset, cast, decide):
    decision = decide(cast.bob, [0])
    assert shown(cast, "alice", dataset, user__password__startswith="a", before="x") == [decision]


def test_pages_go_on_by_id_and_hold_each_decision_once(dataset, cast, decide):
    made = [decide(cast.bob, [number % 8]) for number in range(7)]
    member = Member.objects.get(dataset=dataset, user=cast.alice)
    seen, before = [], None
    while True:
        page = history_page(member, HistoryFilter(), before=before, limit=3)
        seen += [line.decision for line in page.lines]
        if page.older is None:
            break
        before = page.older
    assert seen == made[::-1]


def test_a_rare_filter_looks_through_a_window_and_says_how_far(dataset, cast, decide, monkeypatch):
    rare = decide(cast.bob, [0], unsure=True, kind=DecisionKind.NOISE, code=None, aus=[])
    for number in range(5):
        decide(cast.bob, [number])
    monkeypatch.setattr(history, "WINDOW", 3)
    member = Member.objects.get(dataset=dataset, user=cast.alice)
    page = history_page(member, HistoryFilter(kind="noise"))
    assert (page.lines, page.looked_to is not None) == ([], True)
    page = history_page(member, HistoryFilter(kind="noise"), before=page.older)
    assert [line.decision for line in page.lines] == [rare]
    assert [row["kind"] for row in table(cast, "alice", dataset, kind="noise")] == ["noise"]
    html = cast.client("alice").get(reverse("history", args=[dataset.pk]), {"kind": "noise"}).content.decode()
    assert "Go on looking" in html and "Looked back to" in html


def test_a_page_costs_the_same_for_more_decisions_and_faces(dataset, cast, decide, django_assert_max_num_queries):
    address = reverse("history", args=[dataset.pk])
    client = cast.client("alice")
    for count in (2, 20):
        for number in range(count):
            decide(cast.bob, [number % 8, (number + 1) % 8])
        with django_assert_max_num_queries(24):
            client.get(address)


def test_who_held_what_is_told_by_cluster_face_and_person(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    members = set(range(4, 8)) if assignment.cluster.number == 2 else set(range(4))
    inside, outside = str(min(members)), str(min(set(range(8)) - members))
    client = cast.client("alice")
    address = reverse("history", args=[dataset.pk])

    def held(**asked):
        return list(client.get(address, {"show": "assignments", **asked}).context["rows"])

    assert held() == held(face=inside) == held(person="bob") == held(au="12") == [assignment]
    assert held(face=outside) == held(person="cleo") == held(au="25") == []
    others = cast.client("cleo").get(address, {"show": "assignments"})
    assert list(others.context["rows"]) == []


def test_the_audit_trail_is_the_admins_and_filterable(dataset, cast):
    client = cast.client("alice")
    address = reverse("history", args=[dataset.pk])
    AuditEntry.objects.create(dataset=dataset, user=cast.dora, action="export downloaded", detail={"export": 7})
    assert "Export downloaded" in client.get(address, {"show": "audit"}).content.decode()
    rows = client.get(address, {"show": "audit", "person": "dora", "action": "export downloaded"}).context["rows"]
    assert [entry.detail for entry in rows] == [{"export": 7}]
    for name in ("bob", "dora", "ana"):
        assert cast.client(name).get(address, {"show": "audit"}).status_code == 403
        assert (
            cast.client(name).get(reverse("history_download", args=[dataset.pk]), {"show": "audit"}).status_code
            == 403
        )
    assert client.get(reverse("audit_list", args=[dataset.pk]))["Location"].endswith("?show=audit")


def test_a_download_is_audited_with_its_filters(dataset, cast, decide):
    decide(cast.bob, [0])
    table(cast, "bob", dataset, kind="relabel")
    entry = AuditEntry.objects.get(action="history downloaded")
    assert (entry.user, entry.detail) == (cast.bob, {"show": "decisions", "filters": {"kind": "relabel"}})


def test_formulas_in_notes_are_no_formulas_in_the_table(dataset, cast, decide):
    decide(cast.bob, [0], note='=HYPERLINK("http://x","y")')
    decide(cast.bob, [0], note="two\nlines, and a comma")
    notes = [row["note"] for row in table(cast, "alice", dataset)]
    assert notes == ["two\nlines, and a comma", '\'=HYPERLINK("http://x","y")']


def test_assignments_and_audit_can_be_taken_away_too(dataset, cast, run):
    assignment_next(dataset, cast.bob)
    assert [row["person"] for row in table(cast, "alice", dataset, show="assignments")] == ["bob"]
    assert "dataset created" in [row["action"] for row in table(cast, "alice", dataset, show="audit")]
    Assignment.objects.update(state=AssignmentState.RELEASED)
    assert table(cast, "alice", dataset, show="assignments")[0]["state"] == "released"


def test_people_of_other_data_sets_are_strangers(cast, dataset):
    assert cast.client("charlie").get(reverse("history", args=[dataset.pk])).status_code == 404
