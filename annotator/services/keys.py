"""Giving keys to commands, each person for themselves."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.keys import COMMANDS, LONGEST, OFF, KeyBook, key_label, key_read, rivals_of
from annotator.models import KeyMap


class KeysRefused(InputRefused):
    """Nothing was written; `problems` says of each command what is wrong with its key."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(_("No key was changed: some of them can't be used."))


def key_map_change(*, user: User, typed: Mapping[str, str], off: bool = False) -> KeyBook:
    """Give commands the keys that were typed ({command: key}; “” for none; what isn't named keeps its default),
    all of them or, with KeysRefused, none. Only what differs from the defaults is stored."""
    wanted, problems = _wanted(typed)
    for command in COMMANDS:
        for key in wanted[command.name]:
            other = next((rival for rival in rivals_of(command) if key in wanted[rival.name]), None)
            changed = command.name in typed and not command.fixed and wanted[command.name] != command.keys
            if other is not None and changed:
                problems.setdefault(
                    command.name,
                    _("%(key)s is the key of “%(other)s” already.") % {"key": key_label(key), "other": other.words},
                )
    if problems:
        raise KeysRefused(problems)
    keys: dict[str, object] = {
        command.name: "".join(wanted[command.name][:1])
        for command in COMMANDS
        if wanted[command.name] != command.keys
    }
    if off:
        keys[OFF] = True
    KeyMap.objects.update_or_create(user=user, defaults={"keys": keys})
    return KeyBook(keys)


def _wanted(typed: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The keys of every command as asked for, and what is wrong with those that are none."""
    wanted: dict[str, tuple[str, ...]] = {}
    problems: dict[str, str] = {}
    for command in COMMANDS:
        wanted[command.name] = command.keys
        if command.fixed or command.name not in typed:
            continue
        text = typed[command.name]
        try:
            key = key_read(text[:LONGEST])
        except ValueError as error:
            problems[command.name] = str(error)
            continue
        # The first of several default keys stands for all of them in the form.
        if not (command.keys and key == command.keys[0]):
            wanted[command.name] = (key,) if key else ()
    return wanted, problems
