"""Splitting a cluster: what moves, what stays, who may, and what happens at the same moment."""

import threading
import uuid

import numpy as np
import pytest
from django.db import connection

from annotator.choices import AssignmentState, DecisionKind, LayerKind, Mode, Scope
from annotator.errors import Conflict, CorrugatorError, InputRefused
from annotator.models import Assignment, AuditEntry, Cluster, SplitFace, Subject
from annotator.selectors.clusters import cluster_get
from annotator.selectors.export_plan import _adopted
from annotator.selectors.listings import clusters_page
from annotator.selectors.memberships import cluster_positions, run_membership
from annotator.selectors.review import clusters_progress
from annotator.services.assignments import (
    assignment_finish,
    assignment_next,
    assignment_release,
    assignment_take,
)
from annotator.services.datasets import protocol_change
from annotator.services.decisions import AssignmentStale, decision_make
from annotator.services.splitting import cluster_merge, cluster_split
from annotator.services.withdrawal import subject_withdraw
from tests.factories import faces_make, layer_make, run_make

COUNT = 12


@pytest.fixture
def cluster(dataset, cast):
    """Ten faces in cluster 1 of AU12, two in cluster 2; weak labels of four differ; Bob holds cluster 1."""
    faces = faces_make(dataset, COUNT)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[number >= 4] for number in range(COUNT)], [12])
    run = run_make(dataset, faces, 12, [1] * 10 + [2] * 2, [1] * COUNT, weak_layer=weak)
    cluster = cluster_get(dataset, run.clusters.get(number=1).pk)
    assignment_take(cluster=cluster, user=cast.bob)
    return cluster


def positions(cluster):
    return cluster_positions(Cluster.objects.select_related("run__membership").get(pk=cluster.pk)).tolist()


def decide(cluster, user, faces):
    return decision_make(
        dataset=cluster.run.dataset,
        user=user,
        kind=DecisionKind.RELABEL,
        code="present",
        aus=[12],
        faces=faces,
        mode=Mode.ASSISTED,
        scope=Scope.SELECTION,
        client_id=uuid.uuid4(),
        assignment=Assignment.objects.get(cluster=cluster, coder=user, state=AssignmentState.OPEN),
    )


def test_the_chosen_faces_are_a_cluster_of_their_own(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[8, 1, 2])
    assert positions(part) == [1, 2, 8]
    assert positions(cluster) == [0, 3, 4, 5, 6, 7, 9]
    assert (part.number, part.size, part.aus, part.partition) == (3, 3, cluster.aus, 0)
    assert Cluster.objects.get(pk=cluster.pk).size == 7
    assert run_membership(cluster.run, 0).tolist() == [1, 3, 3, 1, 1, 1, 1, 1, 3, 1, 2, 2]


def test_figures_are_reckoned_anew_for_both(cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1, 2, 3, 4])
    # Faces 0 to 3 came as absent and are present at 0.9: each is wrong by 0.9; face 4 by 0.1.
    assert part.expected_corrections == pytest.approx(4 * 0.9 + 0.1, abs=0.01)
    assert part.votes["12"]["weak_share"] == pytest.approx(0.2)
    assert part.votes["12"]["share"] == 1.0
    assert Cluster.objects.get(pk=cluster.pk).expected_corrections == pytest.approx(5 * 0.1, abs=0.01)


def test_who_splits_holds_both_and_next_leads_from_one_to_the_other(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    held = Assignment.objects.filter(coder=cast.bob, state=AssignmentState.OPEN)
    assert set(held.values_list("cluster_id", flat=True)) == {cluster.pk, part.pk}
    assignment_finish(assignment=held.get(cluster=cluster), user=cast.bob)
    assert assignment_next(dataset, cast.bob).cluster == part


def test_queue_and_lists_see_both(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    (progress,) = clusters_progress(dataset)
    assert (progress.clusters, progress.held) == (3, 2)
    rows = {row["id"]: row for row in clusters_page(cast.bob, dataset, after=0, limit=9)}
    assert (rows[part.pk]["size"], rows[part.pk]["split_from"]) == (2, cluster.pk)
    assert (rows[cluster.pk]["size"], rows[cluster.pk]["split_from"]) == (8, None)


def test_others_are_handed_the_part_once_it_is_given_back(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1, 2, 3])
    assignment_release(assignment=Assignment.objects.get(cluster=part), user=cast.bob)
    assert assignment_next(dataset, cast.cleo).cluster == part


def test_an_export_names_the_cluster_that_a_face_is_in_now(dataset, cluster, cast):
    cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    assert _adopted(dataset)[12].clusters[:4].tolist() == [3, 3, 1, 1]


def test_decisions_keep_to_the_cluster_that_the_face_is_in(cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    assert decide(part, cast.bob, [0, 1]).cluster == part
    with pytest.raises(InputRefused, match="not in the assignment"):
        decide(cluster, cast.bob, [0, 2])


def test_a_part_can_be_split_in_its_turn(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1, 2, 3])
    smaller = cluster_split(cluster=cluster_get(dataset, part.pk), user=cast.bob, faces=[3])
    assert (positions(cluster), positions(part), positions(smaller)) == ([4, 5, 6, 7, 8, 9], [0, 1, 2], [3])
    assert run_membership(cluster.run, 0)[:5].tolist() == [3, 3, 3, 4, 1]


@pytest.mark.parametrize(
    ("faces", "error"),
    [([], InputRefused), (list(range(10)), InputRefused), ([0, 10], Conflict), ([0, 99], Conflict)],
)
def test_a_choice_that_makes_no_cluster_is_refused(cluster, cast, faces, error):
    with pytest.raises(error):
        cluster_split(cluster=cluster, user=cast.bob, faces=faces)
    assert not SplitFace.objects.exists()
    assert Cluster.objects.count() == 2


def test_only_who_holds_a_cluster_splits_it(cluster, cast):
    with pytest.raises(Conflict, match="not yours"):
        cluster_split(cluster=cluster, user=cast.cleo, faces=[0])
    assignment_finish(assignment=Assignment.objects.get(), user=cast.bob)
    with pytest.raises(Conflict, match="not yours"):
        cluster_split(cluster=cluster, user=cast.bob, faces=[0])


def test_a_cluster_coded_by_two_stays_whole(dataset, cluster, cast):
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    with pytest.raises(Conflict, match="coded by two"):
        cluster_split(cluster=cluster, user=cast.bob, faces=[0])


def test_a_second_seat_keeps_a_cluster_whole_under_any_protocol(dataset, cluster, cast):
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    assignment_take(cluster=cluster, user=cast.cleo)
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=1)
    with pytest.raises(Conflict, match="cleo has a seat"):
        cluster_split(cluster=cluster, user=cast.bob, faces=[0])


def test_a_blind_coder_splits_nothing(cluster, cast):
    Assignment.objects.update(mode=Mode.BLIND)
    with pytest.raises(Conflict, match="blind"):
        cluster_split(cluster=cluster, user=cast.bob, faces=[0])


def test_both_are_noted_in_the_audit_trail(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    cluster_merge(cluster=cluster_get(dataset, part.pk), user=cast.bob)
    back, split = AuditEntry.objects.filter(dataset=dataset, user=cast.bob).order_by("-id")[:2]
    assert (split.action, back.action) == ("cluster split", "cluster put back")
    assert split.detail == back.detail == {"run": cluster.run_id, "cluster": 1, "part": 3, "faces": 2}


def test_put_back_all_is_as_it_was(dataset, cluster, cast):
    before = Cluster.objects.get(pk=cluster.pk)
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    assert cluster_merge(cluster=cluster_get(dataset, part.pk), user=cast.bob) == cluster
    assert positions(cluster) == list(range(10))
    assert Cluster.objects.get(pk=cluster.pk).size == before.size
    assert Assignment.objects.get().cluster == cluster
    assert run_membership(cluster.run, 0)[:2].tolist() == [1, 1]


def test_put_back_into_a_finished_cluster_takes_it_up_again(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    assignment_finish(assignment=Assignment.objects.get(cluster=cluster), user=cast.bob)
    cluster_merge(cluster=cluster_get(dataset, part.pk), user=cast.bob)
    assert Assignment.objects.get(cluster=cluster).state == AssignmentState.OPEN


def test_a_part_with_a_decision_stays(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    decide(part, cast.bob, [0])
    with pytest.raises(Conflict, match="decisions in it"):
        cluster_merge(cluster=cluster_get(dataset, part.pk), user=cast.bob)
    assert positions(part) == [0, 1]


def test_a_part_that_was_split_stays_until_that_is_put_back(dataset, cluster, cast):
    part = cluster_get(dataset, cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1]).pk)
    smaller = cluster_get(dataset, cluster_split(cluster=part, user=cast.bob, faces=[0]).pk)
    with pytest.raises(Conflict, match="in its turn"):
        cluster_merge(cluster=part, user=cast.bob)
    cluster_merge(cluster=smaller, user=cast.bob)
    cluster_merge(cluster=part, user=cast.bob)
    assert positions(cluster) == list(range(10))


def test_who_else_may_put_back(dataset, cluster, cast):
    part = cluster_get(dataset, cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1]).pk)
    with pytest.raises(Conflict, match="Only the one who"):
        cluster_merge(cluster=part, user=cast.cleo)
    with pytest.raises(Conflict, match="bob holds it"):
        cluster_merge(cluster=part, user=cast.alice)
    for assignment in Assignment.objects.all():
        assignment_release(assignment=assignment, user=cast.bob)
    cluster_merge(cluster=part, user=cast.alice)
    assert positions(cluster) == list(range(10))


def test_what_was_not_split_off_is_not_put_back(cluster, cast):
    with pytest.raises(Conflict, match="never split off"):
        cluster_merge(cluster=cluster, user=cast.bob)


def test_a_withdrawn_subject_leaves_the_part_too(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    subject = Subject.objects.create(dataset=dataset, pseudonym="s1")
    dataset.faces.filter(position__in=[1, 5]).update(subject=subject)
    subject_withdraw(dataset=dataset, user=cast.alice, pseudonym="s1", confirm="s1")
    assert positions(part) == [0]
    assert Cluster.objects.get(pk=part.pk).size == 1
    assert Cluster.objects.get(pk=cluster.pk).size == 7
    assert run_membership(Cluster.objects.get(pk=part.pk).run, 0)[[0, 5]].tolist() == [3, -1]


# At the same moment


def together(*works):
    """Run these at once, each on a connection of its own; their results or errors, in order."""
    results = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(place, work):
        try:
            start.wait()
            results[place] = work()
        except CorrugatorError as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_two_splits_at_once_share_no_face(dataset, cluster, cast):
    def split(faces):
        return lambda: cluster_split(cluster=cluster_get(dataset, cluster.pk), user=cast.bob, faces=faces)

    results = together(split([0, 1, 2]), split([2, 3, 4]))
    parts = [one for one in results if isinstance(one, Cluster)]
    assert len(parts) == 1
    assert sum(isinstance(one, Conflict) for one in results) == 1
    assert len(positions(cluster)) == 7


@pytest.mark.django_db(transaction=True)
def test_two_clusters_split_at_once_get_numbers_of_their_own(dataset, cluster, cast):
    other = cluster.run.clusters.get(number=2)
    assignment_take(cluster=other, user=cast.cleo)
    results = together(
        lambda: cluster_split(cluster=cluster_get(dataset, cluster.pk), user=cast.bob, faces=[0]),
        lambda: cluster_split(cluster=cluster_get(dataset, other.pk), user=cast.cleo, faces=[10]),
    )
    assert sorted(one.number for one in results) == [3, 4]


@pytest.mark.django_db(transaction=True)
def test_a_split_while_others_ask_for_work_hands_the_part_to_nobody_else(dataset, cluster, cast):
    results = together(
        lambda: cluster_split(cluster=cluster_get(dataset, cluster.pk), user=cast.bob, faces=[0, 1, 2]),
        lambda: assignment_next(dataset, cast.cleo),
        lambda: assignment_next(dataset, cast.dora),
    )
    assert isinstance(results[0], Cluster)
    assert Assignment.objects.get(cluster=results[0]).coder == cast.bob
    taken = [one.cluster.number for one in results[1:] if one is not None]
    assert taken == [2]


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_putting_back_at_once(dataset, cluster, cast):
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1])
    decided, merged = together(
        lambda: decide(part, cast.bob, [0]),
        lambda: cluster_merge(cluster=cluster_get(dataset, part.pk), user=cast.bob),
    )
    if isinstance(merged, Conflict):
        assert decided.cluster_id == part.pk
        assert positions(part) == [0, 1]
    else:
        assert isinstance(decided, AssignmentStale | Assignment.DoesNotExist | type(None))
        assert positions(cluster) == list(range(10))


@pytest.mark.django_db(transaction=True)
def test_put_back_twice_at_once(dataset, cluster, cast):
    part = cluster_get(dataset, cluster_split(cluster=cluster, user=cast.bob, faces=[0, 1]).pk)
    results = together(*[lambda: cluster_merge(cluster=part, user=cast.bob)] * 2)
    assert sum(isinstance(one, Conflict) for one in results) == 1
    assert positions(cluster) == list(range(10))
    assert np.isin(run_membership(cluster.run, 0), [1, 2]).all()
