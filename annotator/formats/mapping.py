"""Which column means what: the mapping that an import needs, as the user sees and corrects it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from annotator.facs import ACTION_UNITS
from annotator.formats.cells import cell_normal, cell_quote, number_parse
from annotator.formats.headers import LONG_NAMES, ROLE_NAMES, is_provenance

SHAPES = ("wide", "long")
STYLES = ("occurrence", "letters", "numbers")
TIME_UNITS = ("s", "ms")
DEFAULT_THRESHOLD = 2  # from B on an AU counts as present, unless the lab says otherwise
ROLES = tuple(ROLE_NAMES)
LONG_ROLES = tuple(LONG_NAMES)
_PAIRS = ("codes", "intensities", "probabilities", "left", "right")
_MEANINGS = ("present", "absent", "unscorable", "not_scored")


@dataclass(frozen=True)
class ColumnMapping:
    """Everything needed to read a row. An empty column name means that the table has no such column.

    `header` is the table's header; all other names are names in it. The pairs are (AU, column), one
    column for an AU in each. An AU with a code column takes its code from it; with intensities (or
    sides) only, from `threshold`; with a probability only, from `probability_threshold`.
    """

    header: tuple[str, ...] = ()
    shape: str = "wide"
    image: str = ""
    subject: str = ""
    clip: str = ""
    frame: str = ""
    time: str = ""
    emotion: str = ""
    split: str = ""
    success: str = ""  # rows where this is not 1 hold no code: a tracker lost the face
    codes: tuple[tuple[int, str], ...] = ()
    intensities: tuple[tuple[int, str], ...] = ()
    probabilities: tuple[tuple[int, str], ...] = ()
    left: tuple[tuple[int, str], ...] = ()  # intensity of the subject's own left side
    right: tuple[tuple[int, str], ...] = ()
    long_au: str = ""
    long_value: str = ""
    long_intensity: str = ""
    long_side: str = ""
    long_scored: str = ""
    long_probability: str = ""
    style: str = "occurrence"  # what code columns hold: 0/1, letters A-E, or numbers 0-5
    present: tuple[str, ...] = ("1",)
    absent: tuple[str, ...] = ("0",)
    unscorable: tuple[str, ...] = ()
    not_scored: tuple[str, ...] = ("",)  # an empty cell means nothing unless '' is named somewhere
    threshold: int = DEFAULT_THRESHOLD  # the least intensity, 1 to 5 for A to E, that counts as present
    probability_threshold: float = 0.5
    intensity_maximum: float = 5.0  # what E is in the intensity columns: 5, or 1 for files scaled to 0-1
    time_unit: str = "s"
    guarded: bool = False  # text cells carry the apostrophe that our export puts before formulas
    questions: tuple[str, ...] = ()

    @property
    def aus(self) -> tuple[int, ...]:
        """The AUs that a wide table has columns for, in the order of their numbers."""
        return tuple(sorted({au for name in _PAIRS for au, _ in getattr(self, name)}))

    @property
    def used(self) -> frozenset[str]:
        """Every column that the mapping reads."""
        roles = ROLES if self.shape == "wide" else ROLES + LONG_ROLES
        single = {getattr(self, role) for role in roles} - {""}
        paired = {column for name in _PAIRS for _, column in getattr(self, name)}
        return frozenset(single | paired if self.shape == "wide" else single)

    @property
    def extra(self) -> tuple[str, ...]:
        """The columns it does not know, in the table's order: kept, and given back on export."""
        return tuple(c for c in self.header if c not in self.used and not is_provenance(c))

    @property
    def provenance(self) -> tuple[str, ...]:
        """Columns of an earlier export of ours, such as AU12_source, which the next export writes anew."""
        return tuple(c for c in self.header if c not in self.used and is_provenance(c))

    def validate(self) -> list[str]:
        """What keeps this mapping from being used, in plain words; empty when it is fit for use."""
        return [*self._columns_check(), *self._rules_check()]

    def _columns_check(self) -> list[str]:
        found = []
        if not self.image:
            found.append("no column names the image: choose the one that does")
        if self.shape == "wide" and not self.aus:
            found.append("no column holds an AU: choose at least one")
        if self.shape == "long" and not (self.long_au and (self.long_value or self.long_probability)):
            found.append("a long table needs a column for the AU and one for its value")
        if len(set(self.header)) < len(self.header):
            found.append("the header holds a column name twice")
        found += [f"there is no column {cell_quote(c)}" for c in sorted(self.used - set(self.header))]
        taken = [getattr(self, role) for role in ROLES] + [c for n in _PAIRS for _, c in getattr(self, n)]
        if self.shape == "long":
            taken += [getattr(self, role) for role in LONG_ROLES]
        found += [
            f"the column {cell_quote(c)} is used twice"
            for c in sorted({c for c in taken if c and taken.count(c) > 1})
        ]
        for name in _PAIRS:
            aus = [au for au, _ in getattr(self, name)]
            twice = sorted({au for au in aus if aus.count(au) > 1})
            found += [f"AU{au} has two columns under {name}" for au in twice]
            found += [f"there is no AU{au} in the catalogue" for au in aus if au not in ACTION_UNITS]
        return found

    def _rules_check(self) -> list[str]:
        found = []
        for name, allowed in (("shape", SHAPES), ("style", STYLES), ("time_unit", TIME_UNITS)):
            value = getattr(self, name)
            if value not in allowed:
                found += [f"{name} is {cell_quote(value)}, not one of {', '.join(allowed)}"]
        if self.threshold not in range(1, 6):
            found.append(f"the intensity that counts as present is 1 to 5 (A to E), not {self.threshold}")
        if not 0 < self.probability_threshold <= 1:
            found.append(
                f"the probability that counts as present is above 0 and at most 1, not {self.probability_threshold}"
            )
        if self.intensity_maximum not in (1.0, 5.0):
            found.append(f"the highest intensity is 5 or 1, not {self.intensity_maximum}")
        meaning: dict[str, str] = {}
        for name in _MEANINGS:
            said = name.replace("_", " ")
            for text in getattr(self, name):
                first = meaning.setdefault(cell_normal(text), said)
                if first != said:
                    found.append(f"{cell_quote(text)} cannot mean both {first} and {said}")
        if self.style == "occurrence" and not (self.present and self.absent):
            found.append("say which cells mean present and which mean absent")
        if self.style == "numbers" and any(_is_grade(t) for t in (*self.present, *self.absent)):
            found.append("in a table of numbers 0 to 5 those numbers cannot also mean present or absent")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain lists, texts and numbers, for a JSON field; `from_json` reads them back."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnMapping:
        """Raises ValueError naming the key that is unknown or holds the wrong kind of value."""
        values = {}
        kinds = {field.name: (field.default, field.name in _PAIRS) for field in fields(cls)}
        for name, value in data.items():
            if name not in kinds:
                raise ValueError(f"a column mapping has no {name!r}")
            default, paired = kinds[name]
            try:
                values[name] = _value_read(value, default, paired)
            except (TypeError, ValueError):
                raise ValueError(f"the mapping's {name!r} holds a wrong kind of value") from None
        return cls(**values)


def _is_grade(text: str) -> bool:
    value = number_parse(text)
    return value is not None and 0 <= value <= 5


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def _value_read(value: Any, default: Any, paired: bool) -> Any:
    """One JSON value in the type of its field; TypeError or ValueError where it does not fit."""
    if isinstance(default, tuple):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError
        return tuple((int(au), _text(column)) for au, column in value) if paired else tuple(map(_text, value))
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise TypeError
        return value
    if isinstance(default, str):
        return _text(value)
    if isinstance(value, bool):
        raise TypeError
    return type(default)(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
