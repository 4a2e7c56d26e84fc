"""Getting in: login with a limit on guesses, one-time login links, and passwords.

Nobody signs up by themselves: accounts come from invitations (annotator.services.members) and from
the command line.
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.errors import NotFound
from annotator.models import LoginLink
from annotator.services.datasets import audit

MOST_FAILURES = 8
FAILURE_MINUTES = 15
LINK_MINUTES = 60


def token_make() -> tuple[str, str]:
    """A new secret for a link, and the hash that is stored in its place."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


def token_hash(token: str) -> str:
    """SHA-256 of a token, hexadecimal. Tokens are random, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def login_link_create(user: User, *, valid_minutes: int = LINK_MINUTES) -> tuple[LoginLink, str]:
    """A link that logs this user in once, and its token, which is not kept: only its hash is."""
    token, digest = token_make()
    link = LoginLink.objects.create(
        user=user, token_sha256=digest, expires_at=timezone.now() + timedelta(minutes=valid_minutes)
    )
    return link, token


def login_link_find(token: str) -> LoginLink:
    """The unused link of this token. Raises NotFound for one used, expired or unknown, alike."""
    link = (
        LoginLink.objects.select_related("user")
        .filter(
            token_sha256=token_hash(token),
            used_at=None,
            expires_at__gt=timezone.now(),
            user__is_active=True,
        )
        .first()
    )
    if link is None:
        raise NotFound(_("This login link was used already, is too old, or never was. Ask for a new one."))
    return link


def login_link_use(token: str) -> User:
    """Use the link up and return its user. Of two requests at once, one gets in; NotFound for the other."""
    link = login_link_find(token)
    with transaction.atomic():
        if not LoginLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()):
            raise NotFound(_("This login link was used already. Ask for a new one."))
        audit(None, link.user, "login link used")
    return link.user


def _failures_key(username: str, address: str) -> str:
    return f"login-failures:{token_hash(f'{username.strip().lower()}|{address}')}"


def login_held(username: str, address: str) -> bool:
    """Whether this name has failed so often from this address that it has to wait.

    Names without an account are counted alike, so that waiting tells nobody which names exist. The
    count is kept by each web process for itself, so a guesser gets at most a few times as many tries.
    """
    return int(cache.get(_failures_key(username, address), 0)) >= MOST_FAILURES


def login_failed(username: str, address: str) -> None:
    """Count one more failure; the count is forgotten some minutes after the first."""
    key = _failures_key(username, address)
    cache.add(key, 0, FAILURE_MINUTES * 60)
    try:
        cache.incr(key)
    except ValueError:  # it ran out between the two calls
        cache.set(key, 1, FAILURE_MINUTES * 60)


def login_passed(username: str, address: str) -> None:
    """Forget the failures once the right password came."""
    cache.delete(_failures_key(username, address))
