"""Who belongs to a data set: invitations by link, roles, removal. A data set always keeps an admin."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.choices import AssignmentState, Role
from annotator.errors import Conflict, InputRefused, NotFound
from annotator.models import Assignment, DataSet, Invitation, Member
from annotator.selectors.access import REVIEW
from annotator.services.accounts import token_hash, token_make
from annotator.services.datasets import audit

INVITATION_DAYS = 7


def invitation_create(*, dataset: DataSet, name: str, role: str, user: User) -> tuple[Invitation, str]:
    """An invitation and its token, which is not kept. `name` says whom it is for, in the inviter's words."""
    name = name.strip()
    if not name:
        raise InputRefused(_("Say whom the invitation is for."))
    if role not in Role:
        raise InputRefused(_("There is no such role."))
    token, digest = token_make()
    with transaction.atomic():
        invitation = Invitation.objects.create(
            dataset=dataset,
            role=role,
            name=name[:150],
            token_sha256=digest,
            created_by=user,
            expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
        )
        audit(dataset, user, "invitation created", invitation=invitation.pk, name=name[:150], role=role)
    return invitation, token


def invitation_revoke(*, dataset: DataSet, invitation_id: int, user: User) -> None:
    """Make the link worthless. Raises Conflict when somebody has come in by it already."""
    with transaction.atomic():
        open_ones = Invitation.objects.filter(dataset=dataset, pk=invitation_id, accepted_at=None)
        if not open_ones.filter(revoked_at=None).update(revoked_at=timezone.now()):
            if not Invitation.objects.filter(dataset=dataset, pk=invitation_id).exists():
                raise NotFound(_("There is no such invitation in this data set."))
            raise Conflict(_("This invitation was accepted or revoked already."))
        audit(dataset, user, "invitation revoked", invitation=invitation_id)


def invitation_find(token: str) -> Invitation:
    """The open invitation of this token. Raises NotFound for one used, revoked, expired or unknown, alike."""
    invitation = (
        Invitation.objects.select_related("dataset", "created_by")
        .filter(token_sha256=token_hash(token), accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if invitation is None:
        raise NotFound(_("This invitation was used or revoked, is too old, or never was. Ask for a new one."))
    return invitation


def invitation_accept(*, token: str, user: User) -> Member:
    """Make the user a member with the invitation's role, and use the invitation up.

    Of two requests at once, one gets in. Raises NotFound as `invitation_find` does, and InputRefused
    for somebody who is a member already; the invitation then stays open for another.
    """
    invitation = invitation_find(token)
    with transaction.atomic():
        now = timezone.now()
        used = Invitation.objects.filter(
            pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=now
        ).update(accepted_at=now, accepted_by=user)
        if not used:
            raise NotFound(_("This invitation was used or revoked already. Ask for a new one."))
        try:
            with transaction.atomic():
                member = Member.objects.create(dataset=invitation.dataset, user=user, role=invitation.role)
        except IntegrityError:
            raise InputRefused(
                _("You are a member of “%(name)s” already.") % {"name": invitation.dataset.name}
            ) from None
        audit(
            invitation.dataset,
            user,
            "invitation accepted",
            invitation=invitation.pk,
            name=invitation.name,
            role=member.role,
        )
    return member


def account_accept(*, token: str, username: str, password: str) -> Member:
    """A new account for the invited person, who becomes a member with it; both or neither.

    The password is taken as it is: forms validate it first. Raises InputRefused when the name is taken.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                user = User.objects.create_user(username, password=password)
        except IntegrityError:
            raise InputRefused(_("Somebody has this user name already.")) from None
        return invitation_accept(token=token, user=user)


def member_change(*, dataset: DataSet, member_id: int, role: str, user: User) -> Member:
    """Give a member another role; the last admin keeps theirs (InputRefused). Invitations that an admin
    made end with that role."""
    if role not in Role:
        raise InputRefused(_("There is no such role."))
    with transaction.atomic():
        member = _member_locked(dataset, member_id)
        if member.role == role:
            return member
        if member.role == Role.ADMIN:
            _refuse_last_admin(dataset, member)
        before, member.role = member.role, role
        member.save(update_fields=["role"])
        if Role(role) not in REVIEW:
            _assignments_release(member)
        _invitations_revoke(member)
        audit(dataset, user, "role changed", member=member.user.get_username(), **{"from": before, "to": role})
    return member


def member_remove(*, dataset: DataSet, member_id: int, user: User) -> None:
    """Take a member out; what they decided stays, what they had open is given back to the queue, and the
    invitations they made are revoked."""
    with transaction.atomic():
        member = _member_locked(dataset, member_id)
        if member.role == Role.ADMIN:
            _refuse_last_admin(dataset, member)
        _assignments_release(member)
        _invitations_revoke(member)
        audit(dataset, user, "member removed", member=member.user.get_username(), role=member.role)
        member.delete()


def _member_locked(dataset: DataSet, member_id: int) -> Member:
    """The member, with the data set's row locked, so that two admins can't demote each other at once."""
    DataSet.objects.select_for_update().get(pk=dataset.pk)
    member = Member.objects.select_related("user").filter(dataset=dataset, pk=member_id).first()
    if member is None:
        raise NotFound(_("There is no such member in this data set."))
    return member


def _refuse_last_admin(dataset: DataSet, member: Member) -> None:
    if not Member.objects.filter(dataset=dataset, role=Role.ADMIN).exclude(pk=member.pk).exists():
        raise InputRefused(_("A data set needs an admin: make somebody else admin first."))


def _invitations_revoke(member: Member) -> None:
    """Make the links that the member gave out worthless: they may lead back in, with the old role."""
    open_ones = Invitation.objects.filter(dataset_id=member.dataset_id, created_by=member.user_id, accepted_at=None)
    open_ones.filter(revoked_at=None).update(revoked_at=timezone.now())


def _assignments_release(member: Member) -> None:
    Assignment.objects.filter(
        dataset_id=member.dataset_id, coder_id=member.user_id, state=AssignmentState.OPEN
    ).update(state=AssignmentState.RELEASED, closed_at=timezone.now())
