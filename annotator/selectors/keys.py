"""The keys that hold for a person."""

from django.contrib.auth.models import AnonymousUser, User

from annotator.keys import KeyBook
from annotator.models import KeyMap


def key_book(user: User | AnonymousUser | None) -> KeyBook:
    """The person's keys, or the defaults for nobody in particular."""
    if user is None or not user.is_authenticated:
        return KeyBook()
    stored = KeyMap.objects.filter(user_id=user.pk).values_list("keys", flat=True).first()
    return KeyBook(stored if isinstance(stored, dict) else {})
