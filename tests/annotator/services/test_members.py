"""Invitations are used once, and a data set always keeps an admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from annotator.choices import AssignmentState, Role
from annotator.errors import Conflict, InputRefused, NotFound
from annotator.models import Assignment, AuditEntry, Invitation, Member
from annotator.services import members


@pytest.fixture
def invited(cast, dataset):
    """A coder's invitation and its token."""
    return members.invitation_create(dataset=dataset, name="Charlie", role=Role.CODER, user=cast.alice)


def test_only_the_hash_of_an_invitation_is_kept(invited):
    invitation, token = invited
    assert token not in str(Invitation.objects.filter(pk=invitation.pk).values())
    assert members.invitation_find(token) == invitation


def test_an_invitation_needs_a_name_and_a_role(cast, dataset):
    for name, role in ((" ", Role.CODER), ("Charlie", "owner")):
        with pytest.raises(InputRefused):
            members.invitation_create(dataset=dataset, name=name, role=role, user=cast.alice)


def test_an_accepted_invitation_makes_a_member_and_is_used_up(cast, dataset, invited):
    _, token = invited
    assert members.invitation_accept(token=token, user=cast.charlie).role == Role.CODER
    with pytest.raises(NotFound):
        members.invitation_accept(token=token, user=User.objects.create_user("eve"))
    assert dataset.members.count() == 6


def test_of_two_who_accept_at_once_one_gets_in(cast, dataset, invited, monkeypatch):
    invitation, token = invited
    monkeypatch.setattr(members, "invitation_find", lambda token: invitation)
    members.invitation_accept(token=token, user=cast.charlie)
    with pytest.raises(NotFound):
        members.invitation_accept(token=token, user=User.objects.create_user("eve"))
    assert not Member.objects.filter(user__username="eve").exists()


def test_an_expired_or_revoked_invitation_leads_nowhere(cast, dataset, invited):
    _, token = invited
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        members.invitation_find(token)
    invitation, token = members.invitation_create(dataset=dataset, name="Eve", role=Role.CODER, user=cast.alice)
    members.invitation_revoke(dataset=dataset, invitation_id=invitation.pk, user=cast.alice)
    with pytest.raises(NotFound):
        members.invitation_find(token)


def test_an_accepted_invitation_cannot_be_revoked(cast, dataset, invited):
    invitation, token = invited
    members.invitation_accept(token=token, user=cast.charlie)
    with pytest.raises(Conflict):
        members.invitation_revoke(dataset=dataset, invitation_id=invitation.pk, user=cast.alice)


def test_a_member_who_accepts_again_leaves_the_invitation_open(cast, invited):
    _, token = invited
    with pytest.raises(InputRefused):
        members.invitation_accept(token=token, user=cast.bob)
    assert members.invitation_find(token)
    assert Member.objects.get(user=cast.bob).role == Role.CODER


def test_an_account_is_made_with_its_membership_or_not_at_all(cast, invited):
    _, token = invited
    with pytest.raises(InputRefused):
        members.account_accept(token=token, username="bob", password="x")
    assert members.invitation_find(token)
    with pytest.raises(NotFound):
        members.account_accept(token="no such token", username="eve", password="x")
    assert not User.objects.filter(username="eve").exists()
    member = members.account_accept(token=token, username="eve", password="a long enough pass phrase")
    assert member.user.check_password("a long enough pass phrase")


def test_the_last_admin_cannot_be_demoted_or_removed(cast, dataset):
    alice = dataset.members.get(user=cast.alice)
    with pytest.raises(InputRefused):
        members.member_change(dataset=dataset, member_id=alice.pk, role=Role.CODER, user=cast.alice)
    with pytest.raises(InputRefused):
        members.member_remove(dataset=dataset, member_id=alice.pk, user=cast.alice)
    dora = dataset.members.get(user=cast.dora)
    members.member_change(dataset=dataset, member_id=dora.pk, role=Role.ADMIN, user=cast.alice)
    members.member_change(dataset=dataset, member_id=alice.pk, role=Role.CODER, user=cast.alice)
    assert dataset.members.get(role=Role.ADMIN) == dora


@pytest.mark.parametrize("leaves", ["removed", "demoted"])
def test_what_a_leaving_coder_had_open_goes_back_to_the_queue(cast, dataset, leaves):
    bob = dataset.members.get(user=cast.bob)
    open_one = Assignment.objects.create(
        dataset=dataset, coder=cast.bob, aus=1, lease_until=timezone.now() + timedelta(hours=1)
    )
    if leaves == "removed":
        members.member_remove(dataset=dataset, member_id=bob.pk, user=cast.alice)
    else:
        members.member_change(dataset=dataset, member_id=bob.pk, role=Role.ANALYST, user=cast.alice)
    open_one.refresh_from_db()
    assert open_one.state == AssignmentState.RELEASED


@pytest.mark.parametrize("leaves", ["removed", "demoted"])
def test_invitations_of_an_admin_end_with_the_role(cast, dataset, leaves):
    dora = Member.objects.get(dataset=dataset, user=cast.dora)
    members.member_change(dataset=dataset, member_id=dora.pk, role=Role.ADMIN, user=cast.alice)
    _invitation, token = members.invitation_create(dataset=dataset, name="myself", role=Role.ADMIN, user=cast.dora)
    if leaves == "removed":
        members.member_remove(dataset=dataset, member_id=dora.pk, user=cast.alice)
    else:
        members.member_change(dataset=dataset, member_id=dora.pk, role=Role.CODER, user=cast.alice)
    with pytest.raises(NotFound):
        members.invitation_accept(token=token, user=cast.charlie)


def test_changes_of_members_are_audited(cast, dataset):
    bob = dataset.members.get(user=cast.bob)
    members.member_change(dataset=dataset, member_id=bob.pk, role=Role.ADJUDICATOR, user=cast.alice)
    entry = AuditEntry.objects.filter(dataset=dataset).first()
    assert (entry.action, entry.detail) == (
        "role changed",
        {"member": "bob", "from": "coder", "to": "adjudicator"},
    )


def test_a_member_of_another_data_set_is_not_found(cast, dataset):
    from annotator.services.datasets import dataset_create

    other = dataset_create(name="Others", user=cast.alice)
    bob = dataset.members.get(user=cast.bob)
    with pytest.raises(NotFound):
        members.member_remove(dataset=other, member_id=bob.pk, user=cast.alice)
