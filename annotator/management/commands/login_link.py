"""manage.py login_link: a one-time link for somebody who can't get in."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.urls import reverse

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.services.accounts import login_link_create


class Command(CorrugatorCommand):
    help = "Print a link that logs one account in, once, within the hour (default: the first lab admin)."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="the account, the same as --user")
        parser.add_argument("--address", default=settings.ADDRESS, help="where the server is")

    def run(self, *, name: str, address: str, **options: Any) -> dict[str, Any]:
        asked = {one for one in (name, options["user"]) if one}
        if len(asked) > 1:
            raise InputRefused("These are two accounts: name one of them.")
        self.options["user"] = next(iter(asked), None)
        user = self.acting_user()
        _, token = login_link_create(user, valid_minutes=60)
        return {"user": user.username, "link": address.rstrip("/") + reverse("login_link", args=[token])}
