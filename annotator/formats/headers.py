"""How labs name their columns: every usual spelling of an AU column, and of the face's own columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from annotator.facs import ACTION_UNITS

Kind = Literal["code", "intensity", "probability"]

_BLANK = r"[\s_.\-]*"
_AU = rf"(?:au|action{_BLANK}unit){_BLANK}0*(?P<number>\d{{1,2}})(?!\d)"
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("c", "occ", "occurrence", "presence", "present", "binary", "code", "label"), "code"),
    **dict.fromkeys(("int", "intensity", "intens"), "intensity"),
    **dict.fromkeys(("prob", "proba", "probability", "p", "score", "conf", "confidence"), "probability"),
}
_SIDES = {"l": "left", "left": "left", "right": "right"}
_SUFFIXED = re.compile(rf"{_AU}(?P<rest>.*)", re.DOTALL)
_PREFIXED = re.compile(rf"(?P<word>[a-z]+){_BLANK}{_AU}")
_NAMED = re.compile(r"\s*[-\u2013:]\s+\S.*|\s+-\s*\S.*", re.DOTALL)
_SIDE_END = re.compile(r"[\s_\-\u2013:(\[]+(left|right)[)\]]?$")
_PROVENANCE = re.compile(r"au\d{2}_source")


@dataclass(frozen=True, slots=True)
class AuHeader:
    """What a column name says: the AU, what its cells hold, and for which side ('' for both)."""

    number: int
    kind: Kind
    side: str = ""
    ends_in_r: bool = False  # 'AU12_r': an intensity in OpenFace, a right side beside 'AU12_l'


def au_header_parse(name: str) -> AuHeader | None:
    """The AU that a column name stands for, or None where it is some other column.

    The number is not checked against the catalogue: 'AU3' parses, and the caller says that no such
    unit is known.
    """
    name = " ".join(name.split()).casefold()
    if match := _PREFIXED.fullmatch(name):
        word = match["word"]
        if word in _KINDS:
            return AuHeader(int(match["number"]), _KINDS[word])
        if word in _SIDES or word == "r":
            return AuHeader(int(match["number"]), "code", _SIDES.get(word, "right"))
    match = _SUFFIXED.fullmatch(name)
    return _rest_parse(int(match["number"]), match["rest"]) if match else None


def _rest_parse(number: int, rest: str) -> AuHeader | None:
    """Read what follows the number: nothing, a kind, a side, or the unit's name behind a dash."""
    side = ""
    if ending := _SIDE_END.search(rest):
        side, rest = ending[1], rest[: ending.start()]
    word = rest.strip(" _.-()[]")
    if not word:
        return AuHeader(number, "code", side)
    if word in _KINDS:
        return AuHeader(number, _KINDS[word], side)
    if word == "r":
        return AuHeader(number, "intensity", side, ends_in_r=True)
    if word in _SIDES and not side:
        return AuHeader(number, "code", _SIDES[word])
    if _NAMED.fullmatch(rest) or _is_name_of(number, word):
        return AuHeader(number, "code", side)
    return None


def _is_name_of(number: int, word: str) -> bool:
    unit = ACTION_UNITS.get(number)
    return unit is not None and re.sub(r"[\s_\-]+", " ", word) == unit.name


def au_cell_parse(text: str) -> int | None:
    """The AU number in a cell of a long table: '12', 'AU12', 'au_12', 'AU 12'; None if it is not one."""
    text = text.strip().casefold()
    match = re.fullmatch(rf"(?:{_AU}|0*(?P<bare>\d{{1,2}}))", text)
    return int(match["number"] or match["bare"]) if match else None


def is_provenance(name: str) -> bool:
    """Whether a column is one that our own wide export adds, such as AU12_source."""
    return _PROVENANCE.fullmatch(name.casefold()) is not None


# For each of the face's own columns: usual names, most trusted first, in the form of `_plain`.
ROLE_NAMES: dict[str, tuple[str, ...]] = {
    "image": (
        "image",
        "imagepath",
        "imagefile",
        "imagename",
        "img",
        "imgpath",
        "imgname",
        "picture",
        "photo",
        "filepath",
        "filename",
        "file",
        "path",
        "subdirectoryfilepath",
        "relativepath",
        "input",
        "url",
        "imageurl",
        "imageid",
        "urlorig",
        "name",
    ),
    "subject": (
        "subject",
        "subjectid",
        "subjid",
        "subj",
        "participant",
        "participantid",
        "person",
        "personid",
        "identity",
        "sub",
        "pid",
    ),
    "clip": (
        "clip",
        "clipid",
        "clipname",
        "video",
        "videoid",
        "videoname",
        "sequence",
        "seq",
        "session",
        "recording",
        "task",
    ),
    "frame": ("frame", "frameid", "frameidx", "frameindex", "framenumber", "frameno", "framenum"),
    "time": (
        "times",
        "timestamp",
        "time",
        "seconds",
        "timesec",
        "timems",
        "frametimeinms",
        "timestampms",
        "milliseconds",
    ),
    "emotion": ("emotion", "emotions", "expression", "facialexpression", "emotiontag", "emotionlabel"),
    "split": ("split", "fold", "subset", "partition", "set"),
    "success": ("success",),
}

LONG_NAMES: dict[str, tuple[str, ...]] = {
    "long_au": ("au", "aus", "actionunit", "aunumber", "unit"),
    "long_value": ("value", "code", "label", "occurrence", "present", "presence"),
    "long_intensity": ("intensity", "grade"),
    "long_side": ("side", "laterality"),
    "long_scored": ("scored",),
    "long_probability": ("probability", "prob", "score", "confidence"),
}


def roles_find(header: tuple[str, ...], names: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """For each role the column whose name fits best; a role without one is left out."""
    plain = {_plain(column): column for column in reversed(header)}
    found = {}
    for role, usual in names.items():
        column = next((plain[name] for name in usual if name in plain), None)
        if column is not None:
            found[role] = column
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
