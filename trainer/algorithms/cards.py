"""The model card that goes with a detector's weights: what it detects, learned from, is worth, and is not for.

Markdown from plain data, light to import. `told` holds, each left out of the card where it is missing:

{"name": text, "method": key of METHODS, "aus": [numbers in the order of columns], "au_names": {number: name},
 "thresholds": [x|None by AU], "dataset": text, "revision": n, "protocol": version, "snapshot": id, "seed": n,
 "date": text, "software": name and version,
 "summary": what a label snapshot keeps: {"faces", "subjects", "aus": [{"au", "present", "absent"}],
            "sources": {kind of layer: codes}, "left_out": {reason: faces}},
 "emotions": {"source": "column" or "aus", "faces": [(emotion, faces)]} of a pretraining,
 "settings": DetectorSettings.as_dict(), "report": {"cross_validation", "test": evaluations (see evaluation),
            "test_why": text, "machine": {name: value}}}
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.algorithms.methods import METHODS, settings_load
from trainer.algorithms.settings import COLUMN, INFERRED, flattened, settings_told

Told = Mapping[str, Any]

FRONT = """---
library_name: corrugator
pipeline_tag: image-classification
tags:
- facial-action-units
- facs
---"""
ROLE = (
    "It scores each of the action units below, from 0 to 1, in one picture of a face. An action unit (AU) is a "
    "movement of facial muscles as the Facial Action Coding System (FACS) defines it; above its threshold an "
    "AU counts as present."
)
LIMITS = """- It codes muscle actions. It does not tell what somebody feels, thinks or intends, and is not to be used
  for decisions about people.
- Meant as a second opinion beside trained FACS coders, and to sort faces for their review.
- It learned from faces pictured and coded like those of its data set. For other cameras, ages, skin tones,
  head poses or coders its figures do not hold: measure it on coded faces of those first.
- An AU with few present codes is known only roughly: its interval says how roughly.
- Left and right of the face are not told apart, and neither is how strong an action is."""
FIGURES = (
    "In brackets 95% intervals from a bootstrap over subjects; – is undefined, for want of codes. "
    "F1, precision and recall at thresholds chosen on other faces."
)
FIGURES_FIXED = FIGURES.replace("thresholds chosen on other faces", "a threshold of one half")
EVALUATIONS = {
    "cross_validation": (
        "Cross-validated",
        "Each face scored by a network that never saw its subject: siblings of the one in the file.",
    ),
    "test": (
        "On test faces",
        "Faces that nothing was trained, tuned or chosen on, scored once, for this report.",
    ),
}
EMOTIONS = {COLUMN: "the imported column", INFERRED: "inferred from weak codes"}
MARKS = re.compile(r"[\\`*_{}\[\]<>#|~&$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
DASH = "–"


def card_write(told: Told) -> str:
    """The card of the detector that `told` describes (see above), in markdown."""
    sections = [
        _head(told),
        _section("What it detects", [ROLE, _aus(told)]),
        _section("Intended use and limits", [LIMITS]),
        _section("Trained on", _trained_on(told)),
        _section("What it is worth", _worth(told)),
        _section("Settings", [_settings(told)]),
        _section("Provenance", [_provenance(told)]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def plain(text: object) -> str:
    """A text that people gave, as one line that markdown, HTML and autolinks leave as it is."""
    visible = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in str(text))
    return MARKS.sub(r"\\\g<0>", " ".join("".join(visible).split()))


def _head(told: Told) -> str:
    method = METHODS.get(told.get("method", ""))
    how = f"{method.title} ({method.paper})" if method else told.get("method", "")
    lead = ["A detector of facial action units"]
    if "dataset" in told:
        lead.append(f", trained on the data set “{plain(told['dataset'])}”")
    if how:
        lead.append(f". Method: {plain(how)}")
    return f"{FRONT}\n\n# {plain(told.get('name') or 'Detector')}\n\n{''.join(lead)}."


def _section(title: str, parts: Sequence[str]) -> str:
    body = "\n\n".join(part for part in parts if part)
    return f"## {title}\n\n{body}" if body else ""


def _aus(told: Told) -> str:
    aus, names = told.get("aus") or [], told.get("au_names") or {}
    thresholds = (told.get("thresholds") if aus else None) or [None] * len(aus)
    rows = [
        [f"AU{au}", plain(names.get(au) or names.get(str(au)) or ""), _number(threshold)]
        for au, threshold in zip(aus, thresholds, strict=True)
    ]
    return _table(["AU", "Name", "Threshold"], rows)


def _trained_on(told: Told) -> list[str]:
    summary = told.get("summary") or {}
    facts = []
    if "faces" in summary:
        facts.append(
            f"{summary['faces']:,} faces of {summary.get('subjects', 0):,} subjects, none of them a test face"
        )
    facts += [f"{codes:,} codes of kind {plain(kind)}" for kind, codes in (summary.get("sources") or {}).items()]
    if emotions := told.get("emotions"):
        counts = ", ".join(f"{plain(name)} {faces:,}" for name, faces in emotions["faces"])
        faces = sum(faces for _name, faces in emotions["faces"])
        facts.append(f"Before any code, emotions of {faces:,} faces, {EMOTIONS[emotions['source']]}: {counts}")
    facts += [f"Left out: {faces:,} faces, {plain(why)}" for why, faces in (summary.get("left_out") or {}).items()]
    known = set(told.get("aus") or [])
    rows = [
        [f"AU{one['au']}", f"{one['present']:,}", f"{one['absent']:,}"]
        for one in summary.get("aus") or []
        if one["au"] in known
    ]
    return [_list(facts), _table(["AU", "Present", "Absent"], rows)]


def _worth(told: Told) -> list[str]:
    report, parts, aus = told.get("report") or {}, [], told.get("aus")
    for key, (title, about) in EVALUATIONS.items():
        evaluation = report.get(key)
        if evaluation and aus:
            parts += [f"### {title}", about, *_evaluation(evaluation, aus)]
        elif f"{key}_why" in report:
            parts += [f"### {title}", plain(report[f"{key}_why"])]
    return parts


def _evaluation(evaluation: Told, aus: Sequence[int]) -> list[str]:
    """How many faces, one row for each AU and the mean, and the mean F1 at the other thresholds."""
    mean = evaluation["mean"]
    rule = "validation" if mean["rules"].get("validation") else "fixed"
    head = ["AU", "Coded", "Present", "AUC", "F1", "Precision", "Recall", "S score"]
    rows = []
    for au, one in zip(aus, evaluation["aus"], strict=True):
        calls = one["rules"][rule]
        figures = [_number(calls[name]) for name in ("precision", "recall", "s_score")]
        row = [f"AU{au}", f"{one['known']:,}", f"{one['positives']:,}", _figure(one["auc"]), _figure(calls["f1"])]
        rows.append(row + figures)
    means = mean["rules"][rule]
    rows.append(["Mean", "", "", _figure(mean["auc"]), _figure(means["f1"]), "", "", _number(means["s_score"])])
    others = [
        f"{name} {_figure(mean['rules'][key]['f1'])}"
        for key, name in (("fixed", "at a threshold of one half"), ("base_rate", "at the known base rate"))
        if key != rule
    ]
    return [
        f"{evaluation['faces']:,} faces of {evaluation['subjects']:,} subjects. "
        + (FIGURES if rule == "validation" else FIGURES_FIXED),
        _table(head, rows),
        f"Mean F1 {', '.join(others)}.",
        _calibration(mean),
    ]


def _calibration(mean: Told) -> str:
    if mean.get("calibration_error") is None:
        return ""
    return (
        "How far scores can be believed as probabilities, mean over AUs: expected calibration error "
        f"{_number(mean['calibration_error'])}, Brier score {_number(mean['brier'])}; both are 0 at best."
    )


def _settings(told: Told) -> str:
    saved = told.get("settings") or {}
    try:
        rows = [[f"`{one.path}`", plain(one.value), plain(one.about)] for one in settings_told(settings_load(saved))]
    except ValueError:  # made by another version: the values as they were kept
        rows = [[plain(path), plain(value), ""] for path, value in flattened(saved).items()]
    return _table(["Setting", "Value", "Meaning"], rows)


def _provenance(told: Told) -> str:
    names = {
        "dataset": "Data set",
        "revision": "Revision of the data set",
        "protocol": "Version of its protocol",
        "snapshot": "Label snapshot",
        "seed": "Seed",
        "date": "Made",
        "software": "Software",
    }
    machine = (told.get("report") or {}).get("machine") or {}
    facts = [f"{name}: {plain(told[key])}" for key, name in names.items() if key in told]
    facts += [f"{plain(str(name).capitalize())}: {plain(value)}" for name, value in sorted(machine.items())]
    return _list(facts)


def _list(facts: Sequence[str]) -> str:
    return "\n".join(f"- {fact}" for fact in facts)


def _table(head: list[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; empty without rows."""
    return "\n".join(_lines(head, rows)) if rows else ""


def _lines(head: list[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for line in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(line) + " |"


def _figure(figure: Told | None) -> str:
    """0.712 (0.650–0.774), or without brackets where no interval was to be had."""
    if figure is None or figure["value"] is None:
        return DASH
    if figure.get("low") is None or figure.get("high") is None:
        return _number(figure["value"])
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
