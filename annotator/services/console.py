"""The account that commands act as when none is named."""

from django.contrib.auth.models import User

FIRST_ADMIN = "admin"


def console_user() -> User:
    """The lab admin who has been here longest; on a fresh machine the account `admin`, made without
    a password: its owner comes in by a one-time link (`manage.py login_link`)."""
    user = User.objects.filter(is_staff=True, is_active=True).order_by("id").first()
    if user is not None:
        return user
    user, made = User.objects.get_or_create(username=FIRST_ADMIN, defaults={"is_staff": True})
    if made:
        user.set_unusable_password()
        user.save()
    return user
