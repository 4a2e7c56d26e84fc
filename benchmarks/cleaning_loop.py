"""The cleaning loop on ictau's stills, by the commands a lab would type, scored against the truth.

    python benchmarks/cleaning_loop.py [--data DIR] [--faces N] [--seed S] [--json]

Imports the first N stills with their weak and reference labels, extracts features, clusters, adopts
and exports; then simulated coders: one reviews 50 single faces of each AU in random order, one takes
the first 50 clusters of each AU's queue with one key each, one marks the wrong faces in them too.
Told for the 7 AUs of the paper, on the unlabelled stills: agreement with `truth.csv` and mean F1. The
truth is read for scoring and by the simulated coders (who stand for people who see the faces), by
nothing else.
"""

import argparse
import csv
import io
import json
import os
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
AUS = (1, 4, 5, 6, 12, 25, 26)
DECISIONS = 50
Codes = NDArray[np.int8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "ictau")
    parser.add_argument("--faces", type=int, default=16_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crg-") as folder:
        _django(Path(folder))
        result = loop(options.data, options.faces, options.seed, Path(folder))
    if options.json:
        print(json.dumps(result))
    else:
        print(table(result))


def _django(folder: Path) -> None:
    """An empty Corrugator of its own: SQLite and files in this folder."""
    for name in ("DATABASE_URL", "STORAGE_URL", "REDIS_URL", "CORRUGATOR_FILES"):
        os.environ.pop(name, None)
    os.environ |= {"CORRUGATOR_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def command(*words: Any) -> dict[str, Any]:
    """Run a command of manage.py and return the JSON object of its last line."""
    from django.core.management import call_command

    output = io.StringIO()
    call_command(*[str(word) for word in words], "--json", stdout=output)
    told: dict[str, Any] = json.loads(output.getvalue().splitlines()[-1])
    return told


def loop(data: Path, faces: int, seed: int, folder: Path) -> dict[str, Any]:
    """The whole loop: {"faces", "scored", "machine", "seconds": {step: s}, "scores": {what: {...}}}."""
    seconds: dict[str, float] = {}
    stills, weak = folder / "stills.csv", folder / "weak.csv"
    names = _head(data / "stills.csv", stills, faces)
    _head(data / "weak.csv", weak, faces)
    zips = sorted((data / "stills").glob("*.zip"))

    def timed(step: str, *words: Any) -> dict[str, Any]:
        started = time.monotonic()
        told = command(*words)
        seconds[step] = round(time.monotonic() - started, 1)
        return told

    timed("import_dataset", "import_dataset", "ictau", "--images", *zips, "--labels", stills, "--split-column",
          "split", "--reference-values", "train_gt", "--test-values", "test")  # fmt: skip
    timed("import_labels", "import_labels", "ictau", "--labels", weak, "--layer", "weak")
    timed("extract_features", "extract_features", "ictau", "--seed", seed)
    run = timed("cluster", "cluster", "ictau", "--seed", seed)
    timed("adopt", "adopt", run["run"])
    truth, unlabelled, is_noise = _truth(data / "truth.csv", names)
    scores = {"weak": score(truth, _weak(weak), unlabelled, is_noise)}

    def exported(what: str) -> None:
        out = folder / f"{uuid.uuid4().hex}.csv"
        timed(f"export {what}", "export_labels", "ictau", "--out", out, "--accept-proposals")
        scores[what] = score(truth, _exported(out, names), unlabelled, is_noise)

    exported("proposals")
    started = time.monotonic()
    marks = {}
    for what, review in CODERS.items():
        made, marks[what] = review(run["run"], truth, unlabelled, seed)
        exported(what)
        for decision in reversed(made):
            _undo(decision)
    seconds["simulated coders"] = round(time.monotonic() - started, 1)
    return {
        "faces": faces,
        "scored": int(unlabelled.sum()),
        "noise_pictures": int((is_noise & unlabelled).sum()),
        "seed": seed,
        "decisions_per_au": DECISIONS,
        "marks": marks,
        "clusters": run["clusters"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "seconds": seconds,
        "scores": scores,
    }


def _head(source: Path, target: Path, rows: int) -> list[str]:
    """Copy the header and the first rows; return their image names."""
    with source.open(newline="") as file, target.open("w", newline="") as copy:
        reader = csv.reader(file)
        header = next(reader)
        writer = csv.writer(copy)
        writer.writerow(header)
        names = []
        for _, cells in zip(range(rows), reader, strict=False):
            writer.writerow(cells)
            names.append(cells[header.index("image")])
    return names


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)


def _truth(path: Path, names: list[str]) -> tuple[Codes, NDArray[np.bool_], NDArray[np.bool_]]:
    """True codes (N, 7), which faces are unlabelled, and which are pictures of no face."""
    by_name = {row["image"]: row for row in _rows(path)}
    rows = [by_name[name] for name in names]
    codes = np.array([[int(row[f"AU{au}"]) for au in AUS] for row in rows], np.int8)
    unlabelled = np.array([row["split"] == "unlabelled" for row in rows])
    return codes, unlabelled, np.array([row["kind"] == "noise" for row in rows])


def _weak(path: Path) -> Codes:
    return np.array([[int(row[f"AU{au}"]) for au in AUS] for row in _rows(path)], np.int8)


def _exported(path: Path, names: list[str]) -> Codes:
    """Codes of an export in the order of `names`; −1 where none counts."""
    by_name = {row["image"]: row for row in _rows(path)}
    cells = [[by_name[name][f"AU{au:02d}"] for au in AUS] for name in names]
    return np.array([[int(cell) if cell in ("0", "1") else -1 for cell in row] for row in cells], np.int8)


def score(truth: Codes, codes: Codes, unlabelled: NDArray[np.bool_], is_noise: NDArray[np.bool_]) -> dict[str, Any]:
    """Agreement (%) and F1 as means over the AUs, with noise pictures (true code 0) in and left out."""
    told: dict[str, Any] = {}
    for name, rows in (("all", unlabelled), ("faces_only", unlabelled & ~is_noise)):
        agreement, f1 = {}, {}
        for column, au in enumerate(AUS):
            known = rows & (codes[:, column] >= 0)
            true, said = truth[known, column] == 1, codes[known, column] == 1
            agreement[au] = 100 * float((true == said).mean())
            both = true.sum() + said.sum()
            f1[au] = 2 * float((true & said).sum()) / float(both) if both else None
        defined = [value for value in f1.values() if value is not None]
        told[name] = {
            "agreement": round(float(np.mean(list(agreement.values()))), 2),
            "f1": round(float(np.mean(defined)), 4),
            "per_au": {au: {"agreement": round(agreement[au], 2), "f1": f1[au]} for au in AUS},
        }
    return told


def clusters_reviewed(run_id: int, truth: Codes, *, marking: bool) -> tuple[list[Any], int]:
    """The first clusters of each AU's queue, one decision each. Without marking it is the key that is
    right for most faces: accept the proposals, all present, or all absent. With it the proposals are
    accepted but for the faces that the coder marks the other way. Returns decisions and keys pressed."""
    from annotator.choices import DecisionKind
    from annotator.models import ClusterRun
    from annotator.selectors.arrays import array_read
    from annotator.selectors.memberships import cluster_positions

    run = ClusterRun.objects.get(pk=run_id)
    proposals = array_read(run.proposals)
    made, keys = [], 0
    for column, au in enumerate(AUS):
        queue = run.clusters.filter(partition=run.partitions.index([au]), number__gt=0)
        for cluster in queue.order_by("-expected_corrections", "pk")[:DECISIONS]:
            positions = np.asarray(cluster_positions(cluster))
            right = truth[positions, column]
            proposed = proposals[positions, run.aus.index(au)]
            choices = {
                "accept": int((proposed == right).sum()),
                "present": int(right.sum()),
                "absent": int((1 - right).sum()),
            }
            best = max(choices, key=lambda choice: choices[choice])
            keys += 1
            if marking:
                keys += int((proposed != right).sum())
                kind, code = DecisionKind.RELABEL, dict(zip(positions.tolist(), right.tolist(), strict=True))
            elif best == "accept":
                kind, code = DecisionKind.CONFIRM, None
            else:
                kind, code = DecisionKind.RELABEL, best
            made.append(_decide(run, au, positions, kind, code, cluster))
    return made, keys


def faces_reviewed(run_id: int, truth: Codes, unlabelled: NDArray[np.bool_], seed: int) -> tuple[list[Any], int]:
    """For each AU single faces in random order, each given its true code."""
    from annotator.choices import DecisionKind
    from annotator.models import ClusterRun

    run = ClusterRun.objects.get(pk=run_id)
    rng = np.random.default_rng(seed)
    made = [
        _decide(run, au, [position], DecisionKind.RELABEL, {int(position): int(truth[position, column])}, None)
        for column, au in enumerate(AUS)
        for position in rng.choice(np.flatnonzero(unlabelled), DECISIONS, replace=False)
    ]
    return made, len(made)


def _decide(run: Any, au: int, positions: Any, kind: Any, code: Any, cluster: Any) -> Any:
    from annotator.choices import Mode, Scope
    from annotator.services.decisions import decision_make

    return decision_make(
        dataset=run.dataset,
        user=run.created_by,
        kind=kind,
        code=code,
        aus=[au],
        faces=[int(position) for position in positions],
        mode=Mode.ASSISTED,
        scope=Scope.CLUSTER if cluster else Scope.FACE,
        cluster=cluster,
        client_id=uuid.uuid4(),
        sure=True,
    )


def _undo(decision: Any) -> None:
    from annotator.services.decisions import decision_undo

    decision_undo(user=decision.user, decision=decision, client_id=uuid.uuid4())


CODERS: dict[str, Callable[..., tuple[list[Any], int]]] = {
    "50 single faces each": faces_reviewed,
    "50 clusters each, one key": lambda run, truth, *_: clusters_reviewed(run, truth, marking=False),
    "50 clusters each, wrong faces marked": lambda run, truth, *_: clusters_reviewed(run, truth, marking=True),
}


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"{result['faces']} stills, {result['scored']} scored, of them {result['noise_pictures']} without a face; "
        f"seed {result['seed']}; {result['machine']}",
        "",
        "| labels | agreement % | F1 | faces only: agreement % | F1 | keys |",
        "|---|---|---|---|---|---|",
    ]
    for what, told in result["scores"].items():
        cells = [f"{told[rows][key]:.{digits}f}" for rows in ("all", "faces_only") for key, digits in
                 (("agreement", 1), ("f1", 3))]  # fmt: skip
        lines.append(f"| {what} | {' | '.join(cells)} | {result['marks'].get(what, '')} |")
    lines += ["", ", ".join(f"{step} {seconds} s" for step, seconds in result["seconds"].items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
