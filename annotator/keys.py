"""The one registry of commands that have a key: what they are called, where they hold, which key they have.

A command belongs to a context; a page has several contexts, and no two commands of a page may share a
key, in the defaults (a system check) or in what a person chose (`refusal_of`). Keys are written as browsers
name them: “a”, “+”, “Space”, “ArrowLeft”; letters are lower case.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


@dataclass(frozen=True)
class Command:
    """`name` is “context.what”; `runs` the page's function, where it isn't called as the part behind the
    dot; a `fixed` command keeps its key, because the browser or a dialog knows it by that key too."""

    name: str
    words: Promise
    keys: tuple[str, ...]
    runs: str = ""
    fixed: bool = False

    @property
    def context(self) -> str:
        return self.name.partition(".")[0]

    @property
    def function(self) -> str:
        return self.runs or self.name.partition(".")[2]


CONTEXTS: dict[str, Promise] = {
    "queue": gettext_lazy("The queue"),
    "decide": gettext_lazy("Deciding"),
    "codes": gettext_lazy("Codes without a grade"),
    "grades": gettext_lazy("Intensities"),
    "sides": gettext_lazy("Left and right"),
    "cluster": gettext_lazy("A cluster"),
    "grid": gettext_lazy("Faces in a grid"),
    "faces": gettext_lazy("The grid of all faces"),
    "face": gettext_lazy("One face"),
    "clip": gettext_lazy("A clip"),
    "map": gettext_lazy("The map"),
    "bars": gettext_lazy("Faces by score"),
    "everywhere": gettext_lazy("Everywhere"),
}

PAGES: dict[str, tuple[str, ...]] = {
    "review_queue": ("queue", "everywhere"),
    "cluster_detail": ("decide", "codes", "cluster", "grid", "everywhere"),
    "noise_gallery": ("decide", "codes", "grid", "everywhere"),
    "face_list": ("decide", "codes", "faces", "grid", "everywhere"),
    "face_detail": ("decide", "codes", "face", "sides", "clip", "everywhere"),
    "face_detail_graded": ("decide", "grades", "face", "sides", "clip", "everywhere"),
    "map": ("map", "everywhere"),
    "score_faces": ("bars", "everywhere"),
}
"""By the name of a page's address, the contexts it has, in the order of its help."""

COMMANDS: tuple[Command, ...] = (
    Command("queue.start", gettext_lazy("Start or go on reviewing"), ("j",)),
    Command("queue.enter", gettext_lazy("The same, where nothing has the focus"), ("Enter",), fixed=True),
    Command("decide.present", gettext_lazy("Present: this face, or the chosen ones"), ("1",)),
    Command("decide.absent", gettext_lazy("Absent: this face, or the chosen ones"), ("0",)),
    Command("decide.unscorable", gettext_lazy("Unscorable"), ("u",)),
    Command("decide.noise", gettext_lazy("Set apart as noise"), ("n",)),
    Command("decide.undo", gettext_lazy("Undo"), ("z",)),
    Command("decide.redo", gettext_lazy("Redo"), ("y",)),
    Command("codes.restore", gettext_lazy("Take your code or noise mark away"), ("e", "Delete")),
    Command("codes.unsure", gettext_lazy("Unsure, for the next decision"), ("d",)),
    Command("grades.a", gettext_lazy("A trace"), ("a",), "grade-1"),
    Command("grades.b", gettext_lazy("B slight"), ("b",), "grade-2"),
    Command("grades.c", gettext_lazy("C pronounced"), ("c",), "grade-3"),
    Command("grades.d", gettext_lazy("D severe"), ("d",), "grade-4"),
    Command("grades.e", gettext_lazy("E maximum"), ("e",), "grade-5"),
    Command("grades.restore", gettext_lazy("Take your code or noise mark away"), ("Delete",)),
    Command("grades.unsure", gettext_lazy("Unsure, for the next decision"), ("q",)),
    Command("sides.left", gettext_lazy("Code the subject's left; again: both sides"), ("l",), "side-left"),
    Command("sides.right", gettext_lazy("Code the subject's right; again: both sides"), ("r",), "side-right"),
    Command("cluster.accept", gettext_lazy("Accept the proposals"), ("a",)),
    Command("cluster.all_present", gettext_lazy("All present, or the chosen ones"), ("+", "=")),
    Command("cluster.all_absent", gettext_lazy("All absent, or the chosen ones"), ("-",)),
    Command("cluster.opposite", gettext_lazy("The opposite of what the cluster proposes"), ("r",)),
    Command("cluster.other", gettext_lazy("The other way than the face's proposal"), ("o",)),
    Command("cluster.split", gettext_lazy("Split the chosen faces off"), ("s",)),
    Command("cluster.facs", gettext_lazy("What to look for: the AU's description"), ("f",)),
    Command("cluster.next", gettext_lazy("Next cluster"), ("j",)),
    Command(
        "cluster.enter",
        gettext_lazy("Next cluster, where no face or button has the focus"),
        ("Enter",),
        runs="next",
        fixed=True,
    ),
    Command("grid.left", gettext_lazy("One face to the left; with Shift, choose it too"), ("ArrowLeft",), "move"),
    Command("grid.right", gettext_lazy("One face to the right"), ("ArrowRight",), "move"),
    Command("grid.up", gettext_lazy("One row up"), ("ArrowUp",), "move"),
    Command("grid.down", gettext_lazy("One row down"), ("ArrowDown",), "move"),
    Command("grid.choose", gettext_lazy("Choose the face, or no longer"), ("x",)),
    Command("grid.choose_all", gettext_lazy("Choose all"), ("*",)),
    Command("grid.clear", gettext_lazy("Choose none"), ("Escape",), fixed=True),
    Command("grid.zoom", gettext_lazy("Large picture"), ("Space",)),
    Command("faces.present", gettext_lazy("Present"), ("+", "="), "grid-present"),
    Command("faces.absent", gettext_lazy("Absent"), ("-",), "grid-absent"),
    Command("face.previous", gettext_lazy("Previous face of the grid"), ("h",)),
    Command("face.next", gettext_lazy("Next face of the grid"), ("j",)),
    Command("face.up", gettext_lazy("One AU up"), ("ArrowUp",), "row"),
    Command("face.down", gettext_lazy("One AU down"), ("ArrowDown",), "row"),
    Command("face.larger", gettext_lazy("Larger picture"), ("+", "="), "zoom-in"),
    Command("face.smaller", gettext_lazy("Smaller picture"), ("-",), "zoom-out"),
    Command("face.whole", gettext_lazy("Whole picture"), (".",), "zoom-fit"),
    Command("face.flicker", gettext_lazy("Flicker with the neutral face: hold, or tap to keep it"), ("f",)),
    Command("clip.back", gettext_lazy("Frame before; with Shift the enlarged picture moves"), ("ArrowLeft",), "step"),
    Command("clip.on", gettext_lazy("Frame after"), ("ArrowRight",), "step"),
    Command("clip.first", gettext_lazy("First frame of the clip"), ("Home",), "ends"),
    Command("clip.last", gettext_lazy("Last frame of the clip"), ("End",), "ends"),
    Command("clip.play", gettext_lazy("Play and pause"), ("k", "Space")),
    Command("clip.onset", gettext_lazy("Onset of the AU at this frame"), ("i",)),
    Command("clip.apex", gettext_lazy("Apex"), ("p",)),
    Command("clip.offset", gettext_lazy("Offset"), ("o",)),
    Command("map.lasso", gettext_lazy("Lasso: draw around the faces to choose"), ("l",)),
    Command("map.box", gettext_lazy("Box: choose by two corners"), ("b",)),
    Command("map.move", gettext_lazy("Move the map by the mouse"), ("m",)),
    Command("map.left", gettext_lazy("Look further left"), ("ArrowLeft",), "look"),
    Command("map.right", gettext_lazy("Look further right"), ("ArrowRight",), "look"),
    Command("map.up", gettext_lazy("Look further up"), ("ArrowUp",), "look"),
    Command("map.down", gettext_lazy("Look further down"), ("ArrowDown",), "look"),
    Command("map.larger", gettext_lazy("Zoom in"), ("+", "=")),
    Command("map.smaller", gettext_lazy("Zoom out"), ("-",)),
    Command("map.whole", gettext_lazy("Show the whole map"), ("0",)),
    Command("map.choose_all", gettext_lazy("Choose all faces that are shown"), ("*",)),
    Command("map.find", gettext_lazy("Find faces by name or number"), ("/",)),
    Command("map.clear", gettext_lazy("Choose none"), ("Escape",), fixed=True),
    Command("bars.lower", gettext_lazy("The scores below these"), ("ArrowLeft",)),
    Command("bars.higher", gettext_lazy("The scores above these"), ("ArrowRight",)),
    Command("everywhere.help", gettext_lazy("This list of keys"), ("?",)),
)
BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}

NAMED: dict[str, Promise | str] = {
    "ArrowLeft": "←",
    "ArrowRight": "→",
    "ArrowUp": "↑",
    "ArrowDown": "↓",
    "Space": gettext_lazy("Space"),
    "Enter": "⏎",
    "Escape": gettext_lazy("Esc"),
    "Home": gettext_lazy("Home"),
    "End": gettext_lazy("End"),
    "PageUp": gettext_lazy("Page up"),
    "PageDown": gettext_lazy("Page down"),
    "Delete": gettext_lazy("Del"),
    "Insert": gettext_lazy("Insert"),
}
"""Keys with a name of their own, as people read them."""
CHOOSABLE = frozenset(NAMED) - {"Enter", "Escape"}
LONGEST = 20
OFF = "off"
"""In a stored map, beside the commands: all keys are switched off."""


def key_label(key: str) -> str:
    """“ArrowLeft” → “←”, “Space” → “Space” in the reader's language, “a” → “a”."""
    return str(NAMED.get(key, key))


def key_read(text: str) -> str:
    """The key that somebody typed or pressed into a field, “” for none. Raises ValueError, saying why, for
    what can't be a command's key."""
    text = "Space" if text and not text.strip() else text.strip()
    if not text:
        return ""
    named = {str(label).casefold(): key for key, label in NAMED.items()} | {key.casefold(): key for key in NAMED}
    key = named.get(text.casefold()) or (text.lower() if len(text) == 1 else text)
    if key in CHOOSABLE:
        return key
    if key in NAMED:
        raise ValueError(_("Enter and Esc belong to buttons and dialogs: choose another key."))
    if len(key) == 1 and key.isprintable():
        return key
    if any(sign in text for sign in "+-") or text.casefold().startswith(("ctrl", "alt", "meta", "cmd", "strg")):
        raise ValueError(_("Combinations belong to the browser: choose a single key."))
    raise ValueError(_("That is no single key that can be typed: press one, such as a, 7, + or Space."))


def commands_of(page: str) -> list[Command]:
    """The commands that hold on a page, context by context."""
    return [command for context in PAGES.get(page, ()) for command in COMMANDS if command.context == context]


def rivals_of(command: Command) -> Iterator[Command]:
    """The commands that share a page with this one."""
    near = {context for contexts in PAGES.values() if command.context in contexts for context in contexts}
    return (other for other in COMMANDS if other.context in near and other is not command)


@dataclass(frozen=True)
class KeyBook:
    """The keys that hold for one person. `chosen` is as it was stored: anything may stand in it; what is no
    command, no key or taken already is passed over, and a default gives way to a person's choice."""

    chosen: Mapping[str, Any] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for command in COMMANDS:
            if command.fixed:
                self.keys[command.name] = command.keys
        for command in COMMANDS:
            key = self._own(command)
            if key is not None and (not key or self.holder(command, key) is None):
                self.keys[command.name] = (key,) if key else ()
        for command in COMMANDS:
            if command.name not in self.keys:
                self.keys[command.name] = tuple(key for key in command.keys if self.holder(command, key) is None)

    def _own(self, command: Command) -> str | None:
        """The key that the person gave a command; None where they gave none that is one."""
        given = self.chosen.get(command.name)
        if command.fixed or not isinstance(given, str) or len(given) > LONGEST:
            return None
        try:
            return key_read(given)
        except ValueError:
            return None

    @property
    def off(self) -> bool:
        return self.chosen.get(OFF) is True

    def of(self, name: str) -> tuple[str, ...]:
        """The keys of a command as they act: none while keys are switched off."""
        return () if self.off else self.keys[name]

    def holder(self, command: Command, key: str) -> Command | None:
        """The command that has this key on a page where `command` holds too."""
        return next((other for other in rivals_of(command) if key in self.keys.get(other.name, ())), None)


def collisions() -> list[str]:
    """What is wrong with the defaults, in sentences for developers: keys that two commands of a page share,
    commands of no context, contexts of no page."""
    placed = {context for contexts in PAGES.values() for context in contexts} & set(CONTEXTS)
    wrong = [
        f"{command.name}: no page has the context {command.context!r}."
        for command in COMMANDS
        if command.context not in placed
    ]
    if len(BY_NAME) != len(COMMANDS):
        wrong.append("Two commands have the same name.")
    for page in PAGES:
        taken: dict[str, str] = {}
        for command in commands_of(page):
            for key in command.keys:
                if key in taken:
                    wrong.append(f"On {page} the key {key!r} is given to {taken[key]} and {command.name}.")
                taken[key] = command.name
    return wrong
