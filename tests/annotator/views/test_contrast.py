"""Every text and edge of the design language can be told from its ground, in both themes."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[3] / "static" / "css" / "tokens.css"
COLOURS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TOKENS.read_text()
    )
}
GROUNDS = ("ground", "surface", "sunken", "raised", "hover", "chosen")
TEXTS = ("ink", "ink-soft", "accent", "accent-strong", "present", "absent", "error")
PAIRS = [(name, f"{name}-soft") for name in COLOURS if f"{name}-soft" in COLOURS and name != "ink"]


def luminance(colour: str) -> float:
    """WCAG's relative luminance of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str, theme: str) -> float:
    dark, light = sorted(luminance(COLOURS[name][theme]) for name in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_reach_4_5_on_every_ground(theme):
    weak = [(text, ground) for text in TEXTS for ground in GROUNDS if contrast(text, ground, theme) < 4.5]
    assert weak == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_badges_and_notices_reach_4_5(theme):
    assert [name for name, soft in PAIRS if contrast(name, soft, theme) < 4.5] == []
    assert [soft for _, soft in PAIRS if contrast("ink", soft, theme) < 4.5] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_filled_buttons_reach_4_5(theme):
    for text, ground in (
        ("on-ink", "ink"),
        ("on-accent", "accent"),
        ("on-accent", "accent-strong"),
        ("on-error", "error"),
    ):
        assert contrast(text, ground, theme) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_edges_bars_and_the_focus_ring_reach_3(theme):
    for ground in GROUNDS:
        assert contrast("focus", ground, theme) >= 3
    for ground in ("ground", "surface", "sunken", "raised"):
        assert contrast("line-strong", ground, theme) >= 3
    for name, _ in PAIRS:
        assert contrast(name, "sunken", theme) >= 3
