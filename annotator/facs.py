"""The catalogue of facial action units (AUs): names, regions, pairs that exclude each other, intensities.

The numbers and names are those of the Facial Action Coding System; the descriptions are this
project's own, written from what each muscle does. Left and right are always the subject's own sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from annotator.facs_texts import TEXTS

Region = Literal["upper", "lower", "head", "eyes", "visibility", "other"]
REGIONS: tuple[Region, ...] = get_args(Region)


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One action unit; `in_still` is False where a single picture cannot show it."""

    number: int
    name: str
    region: Region
    muscles: str
    description: str
    """What moves."""
    signs: str = ""
    """What appears."""
    mistaken: str = ""
    """What it is mistaken for, and how to tell."""
    in_still: bool = True


_UPPER = (
    (
        1,
        "inner brow raiser",
        "frontalis, inner part",
        "The inner ends of the brows go up; short folds may cross the middle of the forehead.",
    ),
    (
        2,
        "outer brow raiser",
        "frontalis, outer part",
        "The outer ends of the brows go up and arch; folds appear above them.",
    ),
    (
        4,
        "brow lowerer",
        "corrugator supercilii, depressor supercilii, procerus",
        "The brows sink and draw towards each other; upright furrows form between them.",
    ),
    (
        5,
        "upper lid raiser",
        "levator palpebrae superioris",
        "The upper lid is pulled back and more of the eyeball shows above the iris.",
    ),
    (
        6,
        "cheek raiser",
        "orbicularis oculi, outer ring",
        "The ring around the eye closes in, lifts the cheek and wrinkles the outer corner of the eye.",
    ),
    (
        7,
        "lid tightener",
        "orbicularis oculi, inner ring",
        "The lids tense, the lower one rises and straightens, and the eye narrows.",
    ),
    (
        41,
        "lid droop",
        "levator palpebrae superioris, partly relaxed",
        "The upper lid hangs lower than at rest. Older editions only; later ones grade it under AU43.",
    ),
    (
        42,
        "slit",
        "orbicularis oculi",
        "The eye is open by no more than a slit. Older editions only; later ones grade it under AU43.",
    ),
    (
        43,
        "eyes closed",
        "levator palpebrae superioris, relaxed",
        "The upper lid comes down and the eye stays shut.",
    ),
    (
        44,
        "squint",
        "orbicularis oculi, inner ring",
        "Both lids are tensed to a narrow gap. Older editions only; later ones grade it under AU7.",
    ),
    (
        45,
        "blink",
        "levator palpebrae superioris relaxing, orbicularis oculi",
        "The eyes shut and open again at once. Needs a clip: a still cannot tell it from closed eyes.",
    ),
    (46, "wink", "orbicularis oculi", "One eye is shut on purpose for a moment while the other stays open."),
)

_LOWER = (
    (
        8,
        "lips toward each other",
        "orbicularis oris",
        "The lips reach for each other while the teeth or the jaw stay apart.",
    ),
    (
        9,
        "nose wrinkler",
        "levator labii superioris alaeque nasi",
        "The skin beside the nose is pulled up and wrinkles run across its root.",
    ),
    (
        10,
        "upper lip raiser",
        "levator labii superioris",
        "The middle of the upper lip goes up and the fold beside the nose bends to an angle.",
    ),
    (
        11,
        "nasolabial deepener",
        "zygomaticus minor",
        "The upper and middle part of the fold between nose and cheek deepens.",
    ),
    (
        12,
        "lip corner puller",
        "zygomaticus major",
        "The corners of the mouth are drawn back and up towards the cheekbones.",
    ),
    (
        13,
        "sharp lip puller",
        "levator anguli oris",
        "The corners of the mouth go steeply up, thin and pointed; the cheeks puff above them.",
    ),
    (
        14,
        "dimpler",
        "buccinator",
        "The corners of the mouth are tightened and drawn inwards; a dimple or a bulge shows beside them.",
    ),
    (15, "lip corner depressor", "depressor anguli oris", "The corners of the mouth are pulled down."),
    (
        16,
        "lower lip depressor",
        "depressor labii inferioris",
        "The lower lip is pulled down and lower teeth may show.",
    ),
    (17, "chin raiser", "mentalis", "The chin boss pushes up and wrinkles, and lifts the lower lip."),
    (
        18,
        "lip pucker",
        "incisivi labii superioris and inferioris",
        "The mouth is drawn together and forward, with the lips rounded.",
    ),
    (
        20,
        "lip stretcher",
        "risorius with platysma",
        "The corners of the mouth are drawn sideways, and the lips flatten.",
    ),
    (22, "lip funneler", "orbicularis oris", "The lips turn outwards like a funnel and show gum or teeth."),
    (
        23,
        "lip tightener",
        "orbicularis oris",
        "The lips become tight and narrow without being pressed on each other.",
    ),
    (24, "lip pressor", "orbicularis oris", "The lips are pressed on each other."),
    (
        25,
        "lips part",
        "depressor labii inferioris, or mentalis or orbicularis oris relaxing",
        "The lips come apart; teeth may show.",
    ),
    (
        26,
        "jaw drop",
        "masseter, temporalis and inner pterygoid relaxing",
        "The jaw sinks by its own weight and the teeth part.",
    ),
    (
        27,
        "mouth stretch",
        "pterygoids, digastric",
        "The jaw is pulled far down and the mouth is stretched open.",
    ),
    (28, "lip suck", "orbicularis oris", "One lip or both are drawn into the mouth, over the teeth."),
)

_OTHER = (
    (19, "tongue show", "tongue", "The tongue can be seen at or beyond the teeth."),
    (21, "neck tightener", "platysma", "Cords and skin of the neck tense."),
    (29, "jaw thrust", "pterygoids", "The lower jaw is pushed forward."),
    (30, "jaw sideways", "pterygoids", "The lower jaw is pushed to one side."),
    (31, "jaw clencher", "masseter", "The jaws are clenched; a bulge may show at the jaw's angle."),
    (32, "lip bite", "masseter with orbicularis oris", "The teeth hold a lip."),
    (33, "cheek blow", "buccinator", "The cheeks fill while air leaves through the lips."),
    (34, "cheek puff", "orbicularis oris", "The cheeks are filled with air that the closed lips keep in."),
    (35, "cheek suck", "buccinator", "The cheeks are sucked in between the teeth."),
    (36, "tongue bulge", "tongue", "The tongue pushes a cheek or a lip out from within."),
    (37, "lip wipe", "tongue", "The tongue passes over a lip."),
    (38, "nostril dilator", "nasalis, wing part", "The wings of the nose spread and the nostrils widen."),
    (
        39,
        "nostril compressor",
        "nasalis, cross part, with depressor septi",
        "The nostrils are narrowed and drawn down.",
    ),
    (40, "sniff", "nose and breath", "Air is drawn in through the nose, and its wings move."),
    (50, "speech", "mouth and jaw", "The person is speaking, so that codes of the mouth need care."),
)

_HEAD = (
    (51, "head turn left", "The head is turned to the subject's own left."),
    (52, "head turn right", "The head is turned to the subject's own right."),
    (53, "head up", "The chin is raised and the face looks up."),
    (54, "head down", "The chin is lowered and the face looks down."),
    (55, "head tilt left", "The head leans towards the subject's own left shoulder."),
    (56, "head tilt right", "The head leans towards the subject's own right shoulder."),
    (57, "head forward", "The head is pushed towards the camera."),
    (58, "head back", "The head is drawn away from the camera."),
)

_EYES = (
    (61, "eyes turn left", "The eyes look to the subject's own left."),
    (62, "eyes turn right", "The eyes look to the subject's own right."),
    (63, "eyes up", "The eyes look up."),
    (64, "eyes down", "The eyes look down."),
    (65, "walleye", "The eyes point away from each other."),
    (66, "cross-eye", "The eyes point towards each other."),
    (68, "eyes roll up", "The eyes roll upwards for a moment."),
    (69, "eyes on another person", "The eyes, or eyes and head, turn to another person."),
)

_VISIBILITY = (
    (70, "brows not visible", "Brows and forehead are hidden or out of the picture."),
    (71, "eyes not visible", "The eyes are hidden or out of the picture."),
    (72, "lower face not visible", "Mouth and chin are hidden or out of the picture."),
    (73, "entire face not visible", "Nothing of the face can be judged."),
    (74, "unscorable", "The picture does not allow a judgement."),
)


def _catalogue() -> dict[int, ActionUnit]:
    """Join the tables above into one, in the order of the numbers."""
    moving: tuple[tuple[Region, tuple[tuple[int, str, str, str], ...]], ...] = (
        ("upper", _UPPER),
        ("lower", _LOWER),
        ("other", _OTHER),
    )
    placed: tuple[tuple[Region, str, tuple[tuple[int, str, str], ...]], ...] = (
        ("head", "neck", _HEAD),
        ("eyes", "eye muscles", _EYES),
        ("visibility", "", _VISIBILITY),
    )
    units = [
        ActionUnit(n, name, region, muscles, text, *TEXTS.get(n, ("", "")), in_still=n != 45)
        for region, table in moving
        for n, name, muscles, text in table
    ]
    units += [
        ActionUnit(n, name, region, muscles, text) for region, muscles, table in placed for n, name, text in table
    ]
    return {unit.number: unit for unit in sorted(units, key=lambda unit: unit.number)}


ACTION_UNITS: Mapping[int, ActionUnit] = MappingProxyType(_catalogue())

# Pairs that one face can hardly show at once: a save with both asks first.
OPPOSITES: tuple[tuple[int, int], ...] = ((51, 52), (53, 54), (55, 56), (57, 58), (61, 62), (63, 64))

# Pairs that are possible but rare: a save with both asks first.
UNLIKELY_PAIRS: tuple[tuple[int, int], ...] = (
    (5, 43),
    (12, 15),
    (18, 20),
    (24, 25),
    (24, 26),
    (24, 27),
    (26, 27),
    (65, 66),
)

INTENSITY_LETTERS = "ABCDE"
INTENSITY_NAMES: Mapping[str, str] = MappingProxyType(
    {"A": "trace", "B": "slight", "C": "pronounced", "D": "severe", "E": "maximum"}
)


def au_get(number: int) -> ActionUnit:
    """The action unit of that number; ValueError quotes a number that the catalogue lacks."""
    try:
        return ACTION_UNITS[number]
    except KeyError:
        raise ValueError(f"there is no action unit {number!r} in the catalogue") from None


def au_label(number: int) -> str:
    """How people write it: 12 gives 'AU12'."""
    return f"AU{number}"


def au_column(number: int) -> str:
    """How our files write it, so that columns sort: 1 gives 'AU01'."""
    return f"AU{number:02d}"


def intensity_letter(level: int) -> str:
    """1..5 to 'A'..'E'; ValueError for anything else, 0 included (absent has no letter)."""
    if level not in range(1, 6):
        raise ValueError(f"an intensity is 1 to 5, not {level!r}")
    return INTENSITY_LETTERS[level - 1]


def intensity_level(letter: str) -> int:
    """'A'..'E', either case, to 1..5; ValueError for anything else."""
    level = INTENSITY_LETTERS.find(letter.upper()) + 1 if len(letter) == 1 else 0
    if not level:
        raise ValueError(f"an intensity letter is A to E, not {letter!r}")
    return level
