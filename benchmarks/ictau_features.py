"""Train the default small detector on the ictau stills and measure it.

Writes an .npz with image, split (N,) str, aus (A,) int, features (N, 256) and scores (N, A) float32.
`--labels reference` trains on the train_gt stills' reference labels; `--labels weak` on the weak
labels of the train_gt and unlabelled stills, as a lab without reference labels would. Pictures are
read in place from the zip files. Test stills and the truth are scored once, at the end, and only
reported.

    python benchmarks/ictau_features.py --data DIR --out features.npz --labels reference --json
"""

import argparse
import csv
import json
import sys
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.algorithms.faces import FaceArray, faces_cache_build, faces_cache_open
from trainer.algorithms.features import FeatureResult, FeatureSettings, features_extract
from trainer.algorithms.measures import auc_measure, base_rate_call, f1_measure

SCORED_AUS = (1, 4, 5, 6, 12, 25, 26)


def table_read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def labels_read(rows: list[dict[str, str]], aus: list[int]) -> NDArray[np.int8]:
    """The AU columns, (N, A)."""
    return np.array([[int(row[f"AU{au}"]) for au in aus] for row in rows], dtype=np.int8)


def cache_make(data: Path, images: list[str], size: int, folder: Path) -> FaceArray:
    """The face cache (N, size, size, 3) of the pictures in the data set's zip files."""
    archives = [zipfile.ZipFile(path) for path in sorted((data / "stills").glob("*.zip"))]
    holder = {name: archive for archive in archives for name in archive.namelist()}
    pictures = (holder[image].read(image) for image in images)
    path = folder / "faces.npy"
    report = faces_cache_build(path, pictures, len(images), size, lambda raw: Image.open(BytesIO(raw)))
    if report.unreadable:
        raise SystemExit(f"unreadable pictures: {report.unreadable[:3]}")
    return faces_cache_open(path)


def agreement_measure(
    truth: NDArray[np.int8], scores: NDArray[np.float32], rates: NDArray[np.floating[Any]], columns: list[int]
) -> dict[str, float]:
    """Agreement (%) and F1, averaged over the AU columns, cut at one half and at the base rates."""
    out: dict[str, list[float]] = {}
    for au in columns:
        calls = {"half": scores[:, au] > 0.5, "base_rate": base_rate_call(scores[:, au], rates[au])}
        for cut, called in calls.items():
            out.setdefault(f"agreement_{cut}", []).append(100 * float((called == (truth[:, au] == 1)).mean()))
            out.setdefault(f"f1_{cut}", []).append(f1_measure(truth[:, au], called) or 0.0)
        out.setdefault("auc", []).append(auc_measure(truth[:, au], scores[:, au]) or 0.0)
    return {name: round(float(np.mean(values)), 4) for name, values in out.items()}


def tables_measure(data: Path, stills: list[dict[str, str]], aus: list[int], result: FeatureResult) -> dict[str, Any]:
    """The report's figures: train_gt out of fold, test, unlabelled with and without noise."""
    split = np.array([row["split"] for row in stills])
    given = labels_read(stills, aus)
    by_image = {row["image"]: row for row in table_read(data / "truth.csv")}
    kept = [by_image[row["image"]] for row in stills]
    truth = labels_read(kept, aus)
    faces = np.array([row["kind"] for row in kept]) != "noise"
    columns = [aus.index(au) for au in SCORED_AUS]
    rates = given[split == "train_gt"].mean(axis=0)
    parts = {
        "train_gt": split == "train_gt",
        "test": split == "test",
        "unlabelled": split == "unlabelled",
        "unlabelled_without_noise": (split == "unlabelled") & faces,
    }
    return {
        name: agreement_measure(truth[rows], result.scores[rows], rates, columns)
        for name, rows in parts.items()
        if rows.any()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the ictau folder")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--labels", choices=("reference", "weak"), default="reference")
    parser.add_argument("--faces", type=int, default=0, help="only the first N stills")
    parser.add_argument("--size", type=int, default=64, help="pixels on a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="the report as JSON on the last line")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    stills = table_read(options.data / "stills.csv")[: options.faces or None]
    aus = [int(name[2:]) for name in stills[0] if name.startswith("AU")]
    split = np.array([row["split"] for row in stills])
    if options.labels == "reference":
        labels, train_rows = labels_read(stills, aus), split == "train_gt"
    else:
        labels = labels_read(table_read(options.data / "weak.csv")[: options.faces or None], aus)
        train_rows = split != "test"
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tqdm(total=1.0, disable=None, unit="job") as bar:

        def progress(fraction: float, message: str) -> None:
            bar.update(fraction - bar.n)
            bar.set_postfix_str(message)

        cache = cache_make(options.data, [row["image"] for row in stills], options.size, Path(folder))
        result = features_extract(
            cache,
            labels,
            train_rows,
            np.full(len(stills), -1),
            FeatureSettings(),
            options.seed,
            progress,
            study_rows=split != "test",
        )
        bar.update(1.0 - bar.n)
    np.savez(
        options.out,
        image=np.array([row["image"] for row in stills]),
        split=split,
        aus=np.array(aus),
        features=result.features,
        scores=result.scores,
    )
    report = result.report | {"labels": options.labels, "total_seconds": round(time.monotonic() - started, 1)}
    report["measured"] = tables_measure(options.data, stills, aus, result)
    for name, figures in report["measured"].items():
        print(name, figures)
    print(f"{report['total_seconds']} s, {report['cpu_seconds']} s of CPU time")
    if options.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
