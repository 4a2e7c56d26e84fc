"""manage.py lab_admin: let somebody make data sets."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from annotator.management.base import CorrugatorCommand
from annotator.services.accounts import login_link_create
from annotator.services.datasets import audit


class Command(CorrugatorCommand):
    help = "Let an account make data sets. It is made if there is none; a one-time login link is printed."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the account")
        parser.add_argument("--address", default=settings.ADDRESS, help="where the server is")

    def run(self, *, name: str, address: str, **options: Any) -> dict[str, Any]:
        user, made = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        if made:
            user.set_unusable_password()
        user.is_staff = True
        user.save()
        audit(None, user, "made a lab admin")
        _, token = login_link_create(user, valid_minutes=60)
        return {"user": name, "link": address.rstrip("/") + reverse("login_link", args=[token])}
