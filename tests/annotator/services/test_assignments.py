"""Handing out clusters: order, leases, seats, and twenty people asking at once."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from annotator.choices import AssignmentState, LayerKind, Mode, Role
from annotator.errors import Conflict, InputRefused, NotAllowed
from annotator.models import Assignment, Cluster, Member
from annotator.selectors.review import clusters_progress, queue_of
from annotator.services.assignments import (
    assignment_finish,
    assignment_next,
    assignment_release,
    assignment_renew,
    assignment_take,
)
from annotator.services.datasets import dataset_create, protocol_change
from tests.factories import faces_make, layer_make, run_make


@pytest.fixture
def run(dataset):
    """Clusters 1, 2, 3 of two faces each, and a noise group of two."""
    faces = faces_make(dataset, 8)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 8, [12])
    return run_make(dataset, faces, 12, [0, 0, 1, 1, 2, 2, 3, 3], [1] * 8, weak_layer=weak)


def expire(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_the_cluster_with_most_expected_corrections_comes_first(dataset, cast, run):
    assert assignment_next(dataset, cast.bob).cluster.number == 3
    assert assignment_next(dataset, cast.cleo).cluster.number == 2


def test_asking_again_gives_the_open_one_back(dataset, cast, run):
    first = assignment_next(dataset, cast.bob)
    assert assignment_next(dataset, cast.bob) == first


def test_the_noise_group_and_runs_not_adopted_are_never_handed_out(dataset, cast, run):
    Cluster.objects.filter(number__gt=0).delete()
    faces = list(dataset.faces.all())
    run_make(dataset, faces, 25, [1] * 8, [1] * 8, weak_layer=None, adopted=False)
    assert assignment_next(dataset, cast.bob) is None


def test_an_au_that_a_later_run_took_over_is_not_handed_out(dataset, cast, run):
    held = assignment_next(dataset, cast.bob)
    run.adopted_aus = []
    run.save()
    assert assignment_next(dataset, cast.bob) is None
    held.refresh_from_db()
    assert held.state == AssignmentState.RELEASED


def test_a_done_cluster_is_not_handed_out_again(dataset, cast, run):
    for _ in range(3):
        assignment_finish(assignment=assignment_next(dataset, cast.bob), user=cast.bob)
    assert assignment_next(dataset, cast.bob) is None
    assert assignment_next(dataset, cast.cleo) is None


def test_finishing_twice_is_finishing_once(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    assignment_finish(assignment=assignment, user=cast.bob)
    assert assignment_finish(assignment=assignment, user=cast.bob).state == AssignmentState.DONE


def test_a_given_back_cluster_is_free_for_others_and_last_for_oneself(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    assignment_release(assignment=assignment, user=cast.bob)
    assert assignment_next(dataset, cast.bob).cluster.number == 2
    assert assignment_next(dataset, cast.cleo).cluster.number == 3


def test_an_expired_lease_frees_the_cluster(dataset, cast, run):
    old = assignment_next(dataset, cast.bob)
    expire(old)
    taken = assignment_next(dataset, cast.cleo)
    assert taken.cluster == old.cluster
    with pytest.raises(Conflict, match="cleo holds it"):
        assignment_renew(assignment=old, user=cast.bob)


def test_a_coder_back_from_lunch_goes_on_where_nobody_took_over(dataset, cast, run):
    old = assignment_next(dataset, cast.bob)
    expire(old)
    assert assignment_next(dataset, cast.cleo) is not None
    assignment_release(assignment=Assignment.objects.get(coder=cast.cleo), user=cast.cleo)
    assignment_renew(assignment=old, user=cast.bob)
    old.refresh_from_db()
    assert old.state == AssignmentState.OPEN
    assert old.lease_until > timezone.now()


def test_double_coding_gives_two_seats_to_different_coders(dataset, cast, run):
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    first = assignment_next(dataset, cast.bob)
    second = assignment_next(dataset, cast.cleo)
    assert first.cluster == second.cluster
    assert {first.seat, second.seat} == {0, 1}
    assert assignment_next(dataset, cast.dora).cluster != first.cluster
    assignment_finish(assignment=first, user=cast.bob)
    assert assignment_next(dataset, cast.bob).cluster != first.cluster


def test_with_double_coding_a_cluster_is_done_after_both(dataset, cast, run):
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    for user in (cast.bob, cast.cleo):
        assignment_finish(assignment=assignment_next(dataset, user), user=user)
        done = clusters_progress(dataset)[0].done
    assert done == 1
    assert Assignment.objects.filter(state=AssignmentState.DONE).count() == 2


def test_only_the_coder_finishes_or_gives_back(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    for change in (assignment_finish, assignment_release):
        with pytest.raises(NotAllowed):
            change(assignment=assignment, user=cast.cleo)


def test_taking_a_certain_cluster_says_who_has_it(dataset, cast, run):
    cluster = run.clusters.get(number=1)
    assert assignment_take(cluster=cluster, user=cast.bob).cluster == cluster
    with pytest.raises(Conflict, match="bob holds it until"):
        assignment_take(cluster=cluster, user=cast.cleo)


def test_the_noise_group_is_not_taken_either(dataset, cast, run):
    with pytest.raises(InputRefused, match="noise gallery"):
        assignment_take(cluster=run.clusters.get(number=0), user=cast.bob)


def test_taking_ones_finished_cluster_opens_it_again(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    assignment_finish(assignment=assignment, user=cast.bob)
    assert assignment_take(cluster=assignment.cluster, user=cast.bob).pk == assignment.pk
    assignment.refresh_from_db()
    assert assignment.state == AssignmentState.OPEN


def test_what_was_coded_blind_and_finished_stays_closed(dataset, cast, run):
    blind = assignment_next(dataset, cast.bob, mode=Mode.BLIND)
    assignment_finish(assignment=blind, user=cast.bob)
    with pytest.raises(Conflict, match="coded blind and is finished"):
        assignment_take(cluster=blind.cluster, user=cast.bob)


def test_the_queue_says_who_holds_what(dataset, cast, run):
    held = [assignment_next(dataset, user) for user in (cast.bob, cast.cleo, cast.dora)]
    assert assignment_next(dataset, cast.alice) is None
    queue = queue_of(dataset, cast.alice)
    assert {one.coder.username for one in queue.held} == {"bob", "cleo", "dora"}
    assert queue.mine is None
    assert queue.left == 3
    assert queue_of(dataset, cast.bob).mine == held[0]


def test_progress_counts_clusters_and_expected_corrections(dataset, cast, run):
    assignment_finish(assignment=assignment_next(dataset, cast.bob), user=cast.bob)
    row = clusters_progress(dataset)[0]
    assert (row.clusters, row.done, row.left, row.corrections) == (3, 1, 2, 3.0)
    assert [coded.au for coded in row.aus] == [12]


@pytest.fixture
def smiles_and_lips(dataset, run):
    """A second run beside `run` (AU12, clusters 1 to 3): AU25, clusters 4 and 5, more to correct."""
    lips = run_make(dataset, list(dataset.faces.all()), 25, [4, 4, 4, 4, 5, 5, 5, 5], [1] * 8, adopted=False)
    lips.adopted_at, lips.adopted_aus = timezone.now(), [25]
    lips.save()
    return run, lips


def test_one_au_is_handed_out_until_it_is_exhausted(dataset, cast, smiles_and_lips):
    handed = []
    while (mine := assignment_next(dataset, cast.bob, within=[12])) is not None:
        handed.append(mine.cluster.number)
        assignment_finish(assignment=mine, user=cast.bob)
    assert handed == [3, 2, 1]
    assert assignment_next(dataset, cast.bob).cluster.number == 5


def test_asking_for_an_au_again_gives_the_open_one_of_that_au_back(dataset, cast, smiles_and_lips):
    lips = assignment_next(dataset, cast.bob)
    smile = assignment_next(dataset, cast.bob, within=[12])
    assert smile.cluster.number == 3
    assert assignment_next(dataset, cast.bob, within=[12]) == smile
    assert assignment_next(dataset, cast.bob, within=[25]) == lips
    assert Assignment.objects.filter(state=AssignmentState.OPEN).count() == 2


def test_an_au_that_nobody_codes_hands_out_nothing(dataset, cast, run):
    assert assignment_next(dataset, cast.bob, within=[99]) is None
    assert assignment_next(dataset, cast.bob, within=[25]) is None


def test_the_queue_says_in_which_aus_one_can_go_on(dataset, cast, smiles_and_lips):
    for _ in range(2):
        assignment_finish(assignment=assignment_next(dataset, cast.bob, within=[25]), user=cast.bob)
    assert [ready for _row, ready in queue_of(dataset, cast.bob).rows] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_twenty_people_asking_at_once_get_twenty_clusters():
    admin = User.objects.create_user("admin", password="x")
    dataset = dataset_create(name="Crowd", user=admin, aus=[12])
    faces = faces_make(dataset, 30)
    run_make(dataset, faces, 12, list(range(1, 31)), [1] * 30)
    people = [User.objects.create_user(f"coder{number}", password="x") for number in range(20)]
    Member.objects.bulk_create(Member(dataset=dataset, user=user, role=Role.CODER) for user in people)
    start, taken, failures = threading.Barrier(20), [], []

    def ask(user):
        try:
            start.wait()
            taken.append(assignment_next(dataset, user).cluster_id)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(taken)) == 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("within", [None, [12]])
def test_a_double_click_takes_one_cluster(within):
    admin = User.objects.create_user("admin", password="x")
    dataset = dataset_create(name="Clicks", user=admin, aus=[12])
    run_make(dataset, faces_make(dataset, 9), 12, list(range(1, 10)), [1] * 9)
    start, taken = threading.Barrier(4), []

    def click():
        try:
            start.wait()
            taken.append(assignment_next(dataset, admin, within=within).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 4
    assert len(set(taken)) == 1
