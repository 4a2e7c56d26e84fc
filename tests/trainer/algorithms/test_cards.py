"""Model cards: what they tell, what they leave out, and names that try to be more than names."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from trainer.algorithms.cards import card_write, plain
from trainer.algorithms.evaluation import evaluate
from trainer.algorithms.methods import settings_make

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](javascript:alert(1))",
    "[click](https://evil.example)",
    "https://evil.example www.evil.example me@evil.example",
    "`code` **bold** _it_ ~~gone~~",
    "a | b | c",
    "name\n# Heading\n\n---\n<img src=x>",
    "&lt;b&gt; &amp;",
    "back\\",
    "\u202egnp.exe\u0007",
    "$x^2$ @team #12",
]


def evaluation_make(seed: int, thresholds: bool = True) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    labels = (random.random((60, 2)) < 0.4).astype(np.int8)
    labels[:, 1] = 0  # an AU that nobody shows
    scores = np.clip(labels * 0.4 + random.random((60, 2)) * 0.6, 0, 1).astype(np.float32)
    given = np.full(2, 0.45, np.float32) if thresholds else None
    return evaluate(labels, scores, np.arange(60) // 3, thresholds=given, resamples=20)


def told_make(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Brows 3",
        "method": "alexnet",
        "aus": [4, 12],
        "au_names": {4: "Brow lowerer", 12: "Lip corner puller"},
        "thresholds": [0.45, None],
        "dataset": "Pilot study",
        "revision": 17,
        "protocol": 2,
        "snapshot": 5,
        "seed": 9,
        "date": "2026-03-01",
        "software": "Corrugator 0.1.0",
        "summary": {
            "faces": 1060,
            "subjects": 20,
            "aus": [
                {"au": 4, "present": 1024, "absent": 36},
                {"au": 12, "present": 3, "absent": 57},
                {"au": 9, "present": 0, "absent": 60},
            ],
            "sources": {"reference": 1900, "consensus": 220},
            "left_out": {"test": 40},
        },
        "settings": settings_make("alexnet", {"training.epochs": 7}).as_dict(),
        "report": {"cross_validation": evaluation_make(1), "test": evaluation_make(2), "machine": {"device": "cpu"}},
    } | changes


@pytest.mark.parametrize(
    ("source", "words"), [("column", "the imported column"), ("aus", "inferred from weak codes")]
)
def test_the_card_tells_which_emotions_came_first_and_where_they_are_from(source: str, words: str) -> None:
    emotions = {"source": source, "faces": [("happiness", 1200), ("a_b", 3)]}
    assert f"- Before any code, emotions of 1,203 faces, {words}: happiness 1,200, a\\_b 3\n" in card_write(
        told_make(emotions=emotions)
    )
    assert "emotions" not in card_write(told_make())


def test_the_card_tells_what_where_from_and_how_good() -> None:
    told = told_make()
    card = card_write(told)
    for words in (
        "# Brows 3",
        "AlexNet-BN (Zhao et al. 2018, §4.1)",
        "| AU4 | Brow lowerer | 0.450 |",
        "| AU12 | Lip corner puller | – |",
        "1,060 faces of 20 subjects, none of them a test face",
        "1,900 codes of kind reference",
        "Left out: 40 faces, test",
        "| AU4 | 1,024 | 36 |",
        "| `training.epochs` | 7 | Passes over the faces. |",
        "It codes muscle actions. It does not tell what somebody feels",
        *("Revision of the data set: 17", "Version of its protocol: 2", "Label snapshot: 5", "Seed: 9"),
        *("Made: 2026-03-01", "Software: Corrugator 0.1.0", "Device: cpu", "Data set: Pilot study"),
    ):
        assert words in card
    assert "AU9" not in card  # not among the detector's AUs


def test_figures_are_those_of_the_report_and_undefined_ones_a_dash() -> None:
    told = told_make()
    lines = card_write(told).splitlines()
    au4, au12 = ([line for line in lines if line.startswith(f"| AU{au} |")] for au in (4, 12))
    for row, key in ((2, "cross_validation"), (3, "test")):
        one = told["report"][key]["aus"][0]
        f1 = one["rules"]["validation"]["f1"]
        assert f"| {one['known']} | {one['positives']} | {one['auc']['value']:.3f} (" in au4[row]
        assert f"| {f1['value']:.3f} ({f1['low']:.3f}–{f1['high']:.3f}) |" in au4[row]
        assert au12[row].startswith("| AU12 | 60 | 0 | – | – |")


def test_calibration_is_told_where_the_report_has_it() -> None:
    told = told_make()
    mean = told["report"]["test"]["mean"]
    words = f"calibration error {mean['calibration_error']:.3f}, Brier score {mean['brier']:.3f}"
    assert words in card_write(told)
    for part in ("test", "cross_validation"):
        for name in ("calibration_error", "brier"):
            del told["report"][part]["mean"][name]
    assert "Brier" not in card_write(told)


def test_without_thresholds_the_figures_are_those_at_one_half() -> None:
    report = {"cross_validation": evaluation_make(1, thresholds=False), "test": None, "test_why": "No test faces."}
    card = card_write(told_make(report=report))
    f1 = report["cross_validation"]["aus"][0]["rules"]["fixed"]["f1"]["value"]  # type: ignore[index]
    assert f"| {f1:.3f} (" in card
    assert "recall at a threshold of one half" in card
    assert "### On test faces\n\nNo test faces." in card


@pytest.mark.parametrize("missing", [None, *told_make()])
def test_what_is_not_known_is_left_out(missing: str | None) -> None:
    told = {} if missing is None else {key: value for key, value in told_make().items() if key != missing}
    card = card_write(told)
    assert "It codes muscle actions" in card
    assert "None" not in card.replace("None |", "")
    assert "\n\n\n" not in card


def test_settings_of_another_version_are_told_as_they_were_kept() -> None:
    card = card_write(told_make(settings={"method": "alexnet", "training": {"forgotten": 3}}))
    assert "| training.forgotten | 3 |  |" in card


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_names(text: str) -> None:
    """Rendered by a real markdown reader, each is one line of plain text wherever it is put."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    told = told_make(name=text, dataset=text, au_names={4: text}, software=text)
    told["summary"] = told["summary"] | {"sources": {text: 3}, "left_out": {text: 2}}
    told["report"] = {"test": None, "test_why": text, "machine": {text: text}}
    harmless = told_make(name="x", dataset="x", au_names={4: "x"}, software="x")
    harmless["summary"] = harmless["summary"] | {"sources": {"x": 3}, "left_out": {"x": 2}}
    harmless["report"] = {"test": None, "test_why": "x", "machine": {"x": "x"}}
    assert shape(reader, card_write(told)) == shape(reader, card_write(harmless))
    shown = reader.renderInline(plain(text))
    assert "<" not in shown
    for word in ("alert(1)", "evil.example", "bold", "Heading"):
        assert (word in text) == (word in shown)


def shape(reader: Any, card: str) -> list[str]:
    """The kinds of all parts of the card, and of what is in its lines but plain text."""
    inner = [one for block in reader.parse(card) for one in [block, *(block.children or [])]]
    return [one.type for one in inner if one.type not in ("text", "text_special")]


def test_autolinks_of_github_find_nothing() -> None:
    assert plain("https://a.b www.a.b WWW.a.b me@a.b") == r"https\://a.b www\.a.b WWW\.a.b me\@a.b"


def test_control_and_direction_signs_are_gone() -> None:
    assert plain("a\u202eb\u0000c\td\u2028e") == "a b c d e"


def test_cards_are_light_to_import() -> None:
    code = (
        "import sys, trainer.algorithms.cards; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'django', 'kornia')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
