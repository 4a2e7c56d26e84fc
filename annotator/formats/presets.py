"""The dialects in which wide tables can be written, so that a lab's own scripts read them unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FACE_FIELDS = ("image", "subject", "clip", "frame", "time_s")


@dataclass(frozen=True, slots=True)
class Preset:
    """One dialect. `au` is a format string for an AU number; `face` are (field, column) pairs."""

    name: str
    face: tuple[tuple[str, str], ...]
    au: str
    missing: str = ""
    levels: bool = False  # AU cells hold intensities 0-5 instead of 0 and 1
    sources: bool = False  # a column AUxx_source beside the codes

    def au_column(self, au: int) -> str:
        """The header of an AU in this dialect."""
        return self.au.format(au)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "standard": Preset("standard", tuple((field, field) for field in FACE_FIELDS), "AU{:02d}", sources=True),
        # EmotioNet's own header has the quotes inside.
        "emotionet": Preset("emotionet", (("image", "URL"),), "'AU {}'", missing="999"),
        "openface": Preset(
            "openface",
            (
                ("image", "image"),
                ("subject", "subject"),
                ("clip", "clip"),
                ("frame", "frame"),
                ("time_s", "timestamp"),
            ),
            "AU{:02d}_c",
        ),
        "disfa": Preset(
            "disfa",
            (("image", "image"), ("subject", "subject"), ("clip", "clip"), ("frame", "frame")),
            "AU{}",
            levels=True,
        ),
        # BP4D heads its columns with bare numbers, 0 for the frame.
        "bp4d": Preset(
            "bp4d",
            (("image", "image"), ("subject", "subject"), ("clip", "clip"), ("frame", "0")),
            "{}",
            missing="9",
        ),
    }
)


def preset_get(name: str) -> Preset:
    """The preset of that name; ValueError lists the known ones."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ValueError(f"there is no export preset {name!r}; known are {', '.join(PRESETS)}") from None
