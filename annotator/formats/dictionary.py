"""The data dictionary that goes with every exported table: what each column means and may hold."""

from __future__ import annotations

from collections.abc import Sequence

from annotator.facs import ACTION_UNITS, au_column
from annotator.formats.presets import FACE_FIELDS, Preset
from annotator.formats.writing import line_write, long_header, wide_header

_SOURCES = (
    "consensus, coder, reference, proposal, weak, prediction or import; (unscorable): looked at, but "
    "it cannot be told; disagreement: coders disagree, so no code counts; (noise): set apart as noise or "
    "outlier; empty: nobody looked"
)
_FACE_MEANINGS = {
    "image": (
        "the picture, as the imported table named it",
        "text; an apostrophe before =, +, - or @ is not part of it",
    ),
    "subject": ("pseudonym of the person", "text; empty: not known"),
    "clip": ("the video that the picture is a frame of", "text; empty: a still"),
    "frame": ("number of the frame in its clip", "whole number; empty: a still"),
    "time_s": ("time of the frame from the start of its clip, in seconds", "number; empty: not known"),
}
_LONG_MEANINGS = (
    ("value", "whether the AU is present", "1 present, 0 absent; empty: not coded or unscorable"),
    (
        "intensity",
        "how strongly it shows",
        "A trace to E maximum, 0 none; LB RC: B left and C right; empty "
        "beside a side: present but not graded; empty without a side: not told",
    ),
    (
        "side",
        "the subject's own side that the intensity is for",
        "both; left or right (the other shows "
        "none); left only scored or right only scored (nothing is told about the other); empty: not told",
    ),
    ("scored", "whether the AU was coded", "yes; unscorable: looked at, but it cannot be told; no: nobody looked"),
    ("source", "where the code came from", "consensus, coder, reference, proposal, weak, prediction or import"),
    ("probability", "probability of presence by the source", "0 to 1; empty: none given"),
    ("weak", "the weak code that it had", "1 present, 0 absent; empty: none"),
    ("noise", "whether the face was set apart as noise or outlier for this AU", "1 yes, 0 no"),
    ("cluster", "the cluster in which it was reviewed or proposed", "text; empty: none"),
    ("coder", "who decided", "text; empty: nobody"),
    ("decided_at", "when it was decided, in universal time", "YYYY-MM-DDThh:mm:ssZ; empty: not decided"),
    ("made_by", "the detector or clustering run that gave the code", "text; empty: none"),
    (
        "unscorable_reason",
        "of an unscorable: what can't be seen, as the coder who said so last told it",
        "70 brows, 71 eyes, 72 lower face, 73 entire face not visible, 74 unscorable; empty: scored, or not told",
    ),
)


def wide_dictionary(*, aus: Sequence[int], preset: Preset, extra: Sequence[str] = ()) -> bytes:
    """The data dictionary of a wide table: a CSV of column, meaning, values."""
    missing = preset.missing or "empty"
    what = (
        f"0 to 5 (0 absent, 1-5 for A-E); {missing}: not coded, unscorable, or present without a grade"
        if preset.levels
        else f"1 present, 0 absent; {missing}: not coded or unscorable"
    )
    lines = [(column, *_FACE_MEANINGS[name]) for name, column in preset.face]
    lines += [(preset.au_column(au), f"AU{au}, {_au_name(au)}", what) for au in aus]
    if preset.sources:
        lines += [(f"{au_column(au)}_source", f"where the code of AU{au} came from", _SOURCES) for au in aus]
    return _dictionary(lines, wide_header(aus, preset, extra))


def long_dictionary(*, aus: Sequence[int], extra: Sequence[str] = ()) -> bytes:
    """The data dictionary of a long table: a CSV of column, meaning, values."""
    lines = [(name, *_FACE_MEANINGS[name]) for name in FACE_FIELDS]
    units = "; ".join(f"{au_column(au)} {_au_name(au)}" for au in aus)
    lines += [("au", "the action unit that the line is about", units)]
    lines += [(name, meaning, values) for name, meaning, values in _LONG_MEANINGS]
    return _dictionary(lines, long_header(extra))


def _dictionary(lines: list[tuple[str, str, str]], header: tuple[str, ...]) -> bytes:
    """Our own lines, which stand in the order of the header, and one for each column carried over."""
    lines += [(name, "carried over from the imported table", "as it was given") for name in header[len(lines) :]]
    rows = [("column", "meaning", "values"), *lines]
    return "".join(line_write(row) for row in rows).encode()


def _au_name(au: int) -> str:
    return ACTION_UNITS[au].name if au in ACTION_UNITS else "not in the catalogue"
