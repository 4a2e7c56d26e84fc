"""The demo folder: its label files, splits, odd pictures, and the weak detector's errors."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import faces as demo_faces
from demo.faces import AUS, DemoFiles, faces_draw
from demo.renderer.population import EMOTIONS, population
from demo.weak_detector import thresholds_set

FACES = 160


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return faces_draw(tmp_path_factory.mktemp("demo"), faces=FACES, seed=3)


def test_labels_have_the_agreed_columns(files: DemoFiles) -> None:
    rows = table(files.labels)
    codes = [f"AU{au}" for au in AUS]
    assert list(rows[0]) == ["image", "subject", "emotion", "split", *codes, *(f"{c}_prob" for c in codes)]
    assert len(rows) == FACES
    assert {row[code] for row in rows for code in codes} == {"0", "1"}
    assert all(0 <= float(row[f"{code}_prob"]) <= 1 for row in rows for code in codes)


def test_every_row_has_its_picture(files: DemoFiles) -> None:
    for row in table(files.labels):
        assert row["image"].startswith(row["subject"] + "/")
        with Image.open(files.pictures / row["image"]) as picture:
            assert picture.size == (160, 160)


def test_reference_holds_the_truth_of_coded_rows_only(files: DemoFiles) -> None:
    truth = {row["image"]: row for row in table(files.truth)}
    reference = table(files.reference)
    assert {row["image"] for row in reference} == {i for i, r in truth.items() if r["split"] != "unlabelled"}
    assert all(row[f"AU{au}"] == truth[row["image"]][f"AU{au}"] for row in reference for au in AUS)


def test_truth_leaves_units_empty_where_there_is_no_face(files: DemoFiles) -> None:
    for row in table(files.truth):
        assert (row["AU12"] == "") == (row["kind"] == "noise")


def test_weak_labels_are_imperfect_but_informed(files: DemoFiles) -> None:
    pairs = [(w, t) for w, t in zip(table(files.labels), table(files.truth), strict=True) if t["kind"] == "face"]
    weak = np.array([[int(w[f"AU{au}"]) for au in AUS] for w, _ in pairs])
    true = np.array([[int(t[f"AU{au}"]) for au in AUS] for _, t in pairs])
    f1 = 2 * (weak & true).sum(0) / (weak.sum(0) + true.sum(0))
    assert 0.78 < (weak == true).mean() < 0.94
    assert 0.35 < f1.mean() < 0.75


def test_second_call_returns_at_once(files: DemoFiles) -> None:
    stamp = files.labels.stat().st_mtime_ns
    messages: list[str] = []
    assert faces_draw(files.folder, faces=FACES, seed=3, progress=lambda s, m: messages.append(m)) == files
    assert messages == []
    assert files.labels.stat().st_mtime_ns == stamp


def test_interrupted_folder_is_cleared_before_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_over = tmp_path / "pictures" / "S001" / "9999.jpg"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"half")
    (tmp_path / "demo.json").write_text(json.dumps({"faces": FACES, "seed": 3, "complete": False}))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_faces, "population", stopped)
    with pytest.raises(KeyboardInterrupt):
        faces_draw(tmp_path, faces=FACES, seed=3)
    assert not left_over.exists()
    assert json.loads((tmp_path / "demo.json").read_text())["complete"] is False


def test_pictures_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(FileExistsError, match="not made by the demo"):
        faces_draw(tmp_path, faces=FACES, seed=3)


def test_too_few_faces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="59"):
        faces_draw(tmp_path, faces=59)


def test_population_is_deterministic() -> None:
    assert population(300, 4) == population(300, 4)
    assert population(300, 4) != population(300, 5)


def test_splits_part_the_subjects() -> None:
    rows = population(1200, 1)
    splits = defaultdict(set)
    for row in rows:
        splits[row.subject].add(row.split)
    assert len(splits) == 60
    assert all(len(found) == 1 for found in splits.values())
    shares = {name: sum(row.split == name for row in rows) / 1200 for name in ("train_gt", "test", "unlabelled")}
    assert shares == pytest.approx({"train_gt": 0.2, "test": 0.15, "unlabelled": 0.65}, abs=0.02)


def test_odd_pictures_are_few_and_unlabelled() -> None:
    rows = population(1200, 1)
    for kind in ("noise", "outlier"):
        odd = [row for row in rows if row.spec.kind == kind]
        assert 0.02 < len(odd) / 1200 < 0.05
        assert {row.split for row in odd} == {"unlabelled"}
        assert len({row.spec.subkind for row in odd}) > 3


def test_base_rates_spread() -> None:
    rates = np.array([row.occurrence for row in population(3000, 2)]).mean(axis=0)
    assert rates.min() > 0.04
    assert rates.max() < 0.46
    assert rates.max() > 4 * rates.min()


def test_impossible_pairs_never_occur() -> None:
    columns = np.array([row.occurrence for row in population(3000, 2)])
    shut, wide, drop, part, smile, down = (columns[:, AUS.index(au)] for au in (43, 5, 26, 25, 12, 15))
    assert not (shut & wide).any()
    assert (part[drop == 1] == 1).all()
    assert (smile & down).mean() < 0.02


def test_emotions_all_occur() -> None:
    assert {row.emotion for row in population(300, 1)} == set(EMOTIONS)


def test_threshold_calls_the_given_share() -> None:
    probabilities = np.linspace(0, 1, 1000)[:, None].repeat(2, axis=1)
    cuts = thresholds_set(probabilities, np.array([0.1, 0.4]))
    assert (probabilities >= cuts).mean(axis=0) == pytest.approx([0.1, 0.4], abs=0.002)
