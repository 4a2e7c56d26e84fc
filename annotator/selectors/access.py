"""Who may enter: the one helper that every view, API and progress door calls first."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.choices import Role
from annotator.errors import NotAllowed, NotFound
from annotator.models import DataSet, Member

READ = frozenset(Role)
REVIEW = frozenset({Role.ADMIN, Role.ADJUDICATOR, Role.CODER})
EXPORT = frozenset({Role.ADMIN, Role.ADJUDICATOR, Role.ANALYST})
MANAGE = frozenset({Role.ADMIN})
ADMINS_NAMED = 3


def datasets_of(user: User | AnonymousUser) -> QuerySet[DataSet]:
    """The data sets that the user is a member of."""
    return DataSet.objects.filter(members__user_id=user.pk or 0)


def member_for(user: User | AnonymousUser, dataset_id: int, allowed: frozenset[Role] = READ) -> Member:
    """The user's membership. Raises NotFound for strangers, so that they don't learn what exists,
    and NotAllowed for members whose role isn't among those allowed."""
    member = membership(user, dataset_id)
    if member is None:
        raise NotFound(_("There is no such data set, or you are not a member of it."))
    if member.role not in allowed:
        names = _(" or ").join(sorted(str(Role(role).label).lower() for role in allowed))
        own = member.get_role_display().lower()
        raise NotAllowed(
            _("Your role here is %(own)s; this needs the role %(names)s. %(member)s")
            % {"own": own, "names": names, "member": admins_named(member)}
        )
    return member


def membership(user: User | AnonymousUser, dataset_id: int) -> Member | None:
    """The user's place in the data set, if there is one."""
    # An address may name a number that no database's integer holds.
    members = Member.objects.select_related("dataset") if dataset_id < 2**63 else Member.objects.none()
    return members.filter(dataset_id=dataset_id, user_id=user.pk or 0).first()


def admins_named(member: Member) -> str:
    """Whom to ask for another role."""
    admins = Member.objects.filter(dataset=member.dataset, role=Role.ADMIN).order_by("pk")
    names = ", ".join(admins.values_list("user__username", flat=True)[:ADMINS_NAMED])
    return _("Ask an admin of this data set: %(names)s.") % {"names": names}


def dataset_for(user: User | AnonymousUser, dataset_id: int, allowed: frozenset[Role] = READ) -> DataSet:
    """The data set, if the user is a member with one of the allowed roles (see member_for)."""
    return member_for(user, dataset_id, allowed).dataset


def may_create_datasets(user: User | AnonymousUser) -> bool:
    return bool(user.is_active and user.is_staff)
