"""The painter: same picture for the same specification, and each AU moves its own part of the face."""

from __future__ import annotations

import numpy as np
import pytest

from demo.renderer import AUS, FaceSpec, face_render, identity_draw
from demo.renderer.odd import NOISE, OUTLIERS
from demo.renderer.spec import HAIR_STYLES

# Rows of the frontal 160 px lab picture, as shares of its height.
FOREHEAD = slice(0.27, 0.41)
EYES = slice(0.38, 0.5)
NOSE = slice(0.45, 0.65)
MOUTH = slice(0.67, 0.9)


def plain_person() -> int:
    """The first person whose face nothing covers."""
    people = (identity_draw(seed) for seed in range(200))
    return next(
        p.seed for p in people
        if p.skin < 0.4 and p.hair_style in ("bald", "buzz", "tied")
        and not (p.glasses or p.beard or p.stubble)
    )  # fmt: skip


@pytest.fixture(scope="module")
def person() -> int:
    return plain_person()


def lab(person: int, *intensities: tuple[int, float]) -> np.ndarray:
    return face_render(FaceSpec(person, 3, intensities, "lab"))


def change(before: np.ndarray, after: np.ndarray, band: slice) -> float:
    """Mean absolute change of the middle columns in a band of rows."""
    rows = slice(int(band.start * 160), int(band.stop * 160))
    return float(np.abs(before[rows, 40:120].astype(int) - after[rows, 40:120]).mean())


def test_same_spec_gives_same_pixels_whatever_was_drawn_before(person: int) -> None:
    spec = FaceSpec(person, 77, ((6, 3.0), (12, 4.0)))
    first = face_render(spec)
    face_render(FaceSpec(person + 1, 5))
    assert np.array_equal(first, face_render(spec))


def test_picture_has_asked_size_and_type(person: int) -> None:
    picture = face_render(FaceSpec(person, 1), size=96)
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("size", [0, 30, 97])
def test_odd_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        face_render(FaceSpec(1, 1), size=size)


@pytest.mark.parametrize("pair", [(3, 1.0), (12, 5.5), (12, -1.0)])
def test_unknown_unit_or_intensity_is_refused(pair: tuple[int, float]) -> None:
    with pytest.raises(ValueError, match=f"AU{pair[0]}"):
        FaceSpec(1, 1, (pair,))


@pytest.mark.parametrize(
    ("au", "moved", "still"),
    [
        (1, FOREHEAD, MOUTH), (2, FOREHEAD, MOUTH), (4, FOREHEAD, MOUTH), (5, EYES, MOUTH), (6, EYES, MOUTH),
        (9, NOSE, slice(0.85, 0.95)), (12, MOUTH, FOREHEAD), (15, MOUTH, FOREHEAD), (17, MOUTH, FOREHEAD),
        (25, MOUTH, FOREHEAD), (26, MOUTH, FOREHEAD), (43, EYES, MOUTH),
    ],
)  # fmt: skip
def test_unit_changes_its_own_region(person: int, au: int, moved: slice, still: slice) -> None:
    neutral, acting = lab(person), lab(person, (au, 5.0))
    assert change(neutral, acting, moved) > 1.5
    assert change(neutral, acting, moved) > 2.5 * change(neutral, acting, still)


@pytest.mark.parametrize("au", AUS)
def test_stronger_intensity_changes_more(person: int, au: int) -> None:
    neutral, whole = lab(person), slice(0.0, 1.0)
    slight, severe = (change(neutral, lab(person, (au, v)), whole) for v in (1.0, 4.0))
    assert 0 < slight < severe


def test_closed_eyes_hide_the_iris(person: int) -> None:
    # A strip through both pupils, above the lashes of the shut eye; the skin beside it is the cheek's.
    strip, cheek = (slice(67, 70), slice(50, 112)), (slice(84, 90), slice(50, 66))
    open_, shut = lab(person), lab(person, (43, 3.0))
    skin = float(np.median(open_[cheek]))
    darkest_open, darkest_shut = (float(np.percentile(picture[strip], 3)) for picture in (open_, shut))
    assert darkest_open < 0.4 * skin
    assert darkest_shut > 0.55 * skin


def test_units_differ_from_each_other(person: int) -> None:
    pictures = [lab(person, (au, 5.0)).astype(int) for au in AUS]
    apart = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert min(apart) > 0.5


def test_people_span_skin_tones_and_hair() -> None:
    people = [identity_draw(seed) for seed in range(300)]
    skins = [p.skin for p in people]
    assert min(skins) < 0.05
    assert max(skins) > 0.95
    assert {p.hair_style for p in people} == set(HAIR_STYLES)


@pytest.mark.parametrize("motif", NOISE)
def test_noise_differs_by_seed(motif: str) -> None:
    one, two = (face_render(FaceSpec(1, scene, kind="noise", subkind=motif), 64) for scene in (1, 2))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("subkind", OUTLIERS)
def test_outlier_spoils_the_portrait(subkind: str) -> None:
    face = face_render(FaceSpec(5, 8), 64).astype(int)
    spoiled = face_render(FaceSpec(5, 8, kind="outlier", subkind=subkind), 64)
    assert np.abs(face - spoiled).mean() > 3
