"""Features of the ictau stills from the default small detector, as the app makes them.

Writes an .npz with image, split (N,) str, aus (A,) int, features (N, 256) and scores (N, A) float32, out of
fold for the stills trained on. `--labels reference` trains on the reference labels of the train stills;
`--labels weak` on the weak labels of the train and the unlabelled stills, as a lab without reference labels
would. Pictures are read in place from the zip files; no test still and no truth is looked at.

    python benchmarks/ictau_features.py --data DIR --out features.npz --labels reference
"""

import argparse
import csv
import os
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is loaded

import torch

from trainer.algorithms.faces import FaceArray, faces_cache_build, faces_cache_open
from trainer.algorithms.features import FeatureSettings, features_extract

CACHE = "faces.npy"


def table_read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def labels_read(rows: list[dict[str, str]], aus: list[int]) -> NDArray[np.int8]:
    """The AU columns, (N, A)."""
    return np.array([[int(row[f"AU{au}"]) for au in aus] for row in rows], dtype=np.int8)


def cache_kept(data: Path, images: list[str], size: int, folder: Path, kind: str = "stills") -> FaceArray:
    """The face cache of these pictures, from the folder where it was made before."""
    path = folder / CACHE
    if path.exists():
        return faces_cache_open(path)
    folder.mkdir(parents=True, exist_ok=True)
    return cache_make(data, images, size, folder, kind)


def cache_make(data: Path, images: list[str], size: int, folder: Path, kind: str = "stills") -> FaceArray:
    """The face cache (N, size, size, 3) of the pictures in the data set's zip files of stills or clips."""
    archives = [zipfile.ZipFile(path) for path in sorted((data / kind).glob("*.zip"))]
    holder = {name: archive for archive in archives for name in archive.namelist()}
    pictures = (holder[image].read(image) for image in images)
    path = folder / CACHE
    report = faces_cache_build(path, pictures, len(images), size, lambda raw: Image.open(BytesIO(raw)))
    if report.unreadable:
        raise SystemExit(f"unreadable pictures: {report.unreadable[:3]}")
    return faces_cache_open(path)


def features_make(
    data: Path, out: Path, labels: str, seed: int, *, faces: int = 0, quick: bool = False, size: int = 64
) -> None:
    """Train and write the .npz; `faces`: only the first so many stills; `quick`: hardly any training."""
    stills = table_read(data / "stills.csv")[: faces or None]
    aus = [int(name[2:]) for name in stills[0] if name.startswith("AU")]
    split = np.array([row["split"] for row in stills])
    if labels == "reference":
        codes, train_rows = labels_read(stills, aus), split == "train_gt"
    else:
        codes = labels_read(table_read(data / "weak.csv")[: faces or None], aus)
        train_rows = split != "test"
    images = [row["image"] for row in stills]
    settings = FeatureSettings(shown=2_000, student_shown=2_000) if quick else FeatureSettings()
    with tempfile.TemporaryDirectory() as folder, tqdm(total=1.0, disable=None, unit="job") as bar:

        def progress(fraction: float, message: str) -> None:
            bar.update(fraction - bar.n)
            bar.set_postfix_str(message)

        cache = cache_make(data, images, size, Path(folder))
        subjects = np.full(len(stills), -1)
        result = features_extract(
            cache, codes, train_rows, subjects, settings, seed, progress, study_rows=split != "test"
        )
        bar.update(1.0 - bar.n)
    unfinished = out.with_name(f".{out.name}")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            image=np.array(images),
            split=split,
            aus=np.array(aus),
            features=result.features,
            scores=result.scores,
        )
    unfinished.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the ictau folder")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--labels", choices=("reference", "weak"), default="reference")
    parser.add_argument("--faces", type=int, default=0, help="only the first N stills")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    features_make(options.data, options.out, options.labels, options.seed, faces=options.faces)


if __name__ == "__main__":
    main()
