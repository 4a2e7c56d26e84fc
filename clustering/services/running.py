"""The clustering job: read, cluster, keep. Runs in a worker: imports faiss and numba.

Each finished partition lies in the data folder under `jobs/<id>/<what was read>/`; a resumed job takes
it up, unless codes or faces changed meanwhile: then it begins anew.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import InputRefused
from annotator.models import ArrayFile, Cluster, ClusterRun
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import mask_of_aus
from annotator.selectors.middles import middles_keep
from annotator.services.arrays import array_write
from annotator.services.datasets import revision_raise
from annotator.services.job_running import JobContext
from clustering.algorithms.callbacks import Cancelled
from clustering.algorithms.outliers import REASON_WORDS
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.results import ClusterTable, PartialResult, WSCResult
from clustering.algorithms.settings import WSCSettings
from clustering.selectors.inputs import RunInput, run_input
from clustering.services.neighbour_lists import neighbours_keep, neighbours_path, neighbours_read


def clustering_run(context: JobContext) -> dict[str, Any]:
    """Carry out the run named in the job's parameters: {"run", "faces", "clusters", "changed"}."""
    run = ClusterRun.objects.select_related("dataset", "feature_set__features", "weak_layer").get(
        pk=context.params["run"]
    )
    if run.finished_at is not None:
        return _told(run)
    context.progress(0.01, "Reading features and labels")
    given = run_input(run)
    assert run.feature_set is not None
    features = values_at(array_read(run.feature_set.features, check=True), given.positions, np.nan)
    if np.isnan(features).any():
        missing = int(np.isnan(features).any(axis=1).sum())
        raise InputRefused(
            _("%(missing)s faces came after the feature set was made: extract features again.") % {"missing": missing}
        )
    jobs_folder = Path(settings.DATA) / "jobs" / str(context.job.pk)
    folder = jobs_folder / f"{given.fingerprint()}-{run.feature_set.features.sha256[:16]}"
    folder.mkdir(parents=True, exist_ok=True)

    def keep_partition(index: int, part: PartialResult) -> None:
        with (folder / f".{index}.part").open("wb") as file:
            np.savez(file, allow_pickle=False, **part.to_arrays())
        Path(file.name).replace(folder / f"{index}.npz")

    wanted = WSCSettings(**run.configuration)
    lists = neighbours_path(run.feature_set.features, given.positions, wanted, run.seed)
    try:
        result = weakly_supervised_clustering(
            features,
            given.weak,
            weak_probability=given.weak_probability,
            scores=_scores(run, given),
            reference=given.trusted,
            picture_quality=given.quality,
            neighbours=neighbours_read(lists),
            settings=wanted,
            seed=run.seed,
            progress=lambda fraction, message: context.progress(0.03 + 0.92 * fraction, message),
            cancelled=context.cancelled,
            done=dict(_partitions_kept(folder)),
            on_partition=keep_partition,
            on_neighbours=partial(neighbours_keep, lists),
        )
    except Cancelled:
        context.stop_if_asked()
        raise
    except ValueError as error:
        raise InputRefused(str(error)) from error
    for warning in result.warnings:
        context.log(warning)
    context.progress(0.96, "Keeping clusters and proposals")
    _keep(run, given, result)
    middles_keep(run)
    shutil.rmtree(jobs_folder, ignore_errors=True)
    return _told(run)


def _told(run: ClusterRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "faces": run.summary["faces"],
        "clusters": run.clusters.filter(number__gt=0).count(),
        "changed": run.summary["changed"],
    }


def _scores(run: ClusterRun, given: RunInput) -> NDArray[np.float32] | None:
    """The feature network's scores of the run's AUs, where it has any."""
    assert run.feature_set is not None
    if run.feature_set.scores is None:
        return None
    bit_of = {coded.au: coded.bit for coded in run.dataset.coded_aus.all()}
    bits = [bit_of[au] for au in run.aus]
    scores = values_at(array_read(run.feature_set.scores, check=True), given.positions, np.nan)[:, bits]
    return scores.astype(np.float32) if np.isfinite(scores).any() else None


def _partitions_kept(folder: Path) -> Iterator[tuple[int, PartialResult]]:
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            yield int(path.stem), PartialResult.from_arrays(arrays)


def _keep(run: ClusterRun, given: RunInput, result: WSCResult) -> None:
    """Write arrays, clusters and summary in one transaction: a run is finished or it isn't."""
    partitions = [[run.aus[column] for column in table.aus] for table in result.clusters]
    first_columns = [table.aus[0] for table in result.clusters]
    changed = (result.proposal >= 0) & (given.weak >= 0) & (result.proposal != given.weak)
    # Faces may have come since: the arrays are as long as the data set is now.
    run.dataset.refresh_from_db(fields=["next_position"])

    def kept(purpose: str, values: NDArray[Any], empty: float) -> ArrayFile:
        by_position = np.full((run.dataset.next_position, *values.shape[1:]), empty, values.dtype)
        by_position[given.positions] = values
        return array_write(dataset=run.dataset, purpose=purpose, values=by_position)

    with transaction.atomic():
        run.revision, run.reference_layers = given.revision, given.trusted_layers
        run.partitions = partitions
        run.membership = kept("membership", result.membership[:, first_columns], -1)
        run.proposals = kept("proposals", result.proposal, -1)
        run.probabilities = kept("probabilities", result.probability.astype(np.float16), np.nan)
        run.embedding = kept("embedding", np.stack(result.embeddings, axis=1), np.nan)
        if run.configuration.get("lam_steps"):
            run.sweep_planes = kept("sweep-planes", np.stack(result.planes, axis=1), np.nan)
        run.outlier_scores = kept("outlier-scores", result.outlier_score, np.nan)
        run.outlier_reasons = kept("outlier-reasons", result.outlier_reasons, 0)
        run.summary = {
            **result.summary,
            "reasons": [REASON_WORDS[reason] for reason in sorted(REASON_WORDS)],
            "warnings": list(result.warnings),
            "changed": int(changed.sum()),
            "changed_by_au": {str(au): int(changed[:, column].sum()) for column, au in enumerate(run.aus)},
            "noise": int((result.membership == 0).all(axis=1).sum()),
        }
        run.curves = {
            "umqi": [
                np.column_stack([curve.threshold, curve.umqi, curve.clusters, curve.largest]).tolist()
                for curve in result.curves
            ]
        }
        run.finished_at = timezone.now()
        run.save()
        run.clusters.all().delete()
        Cluster.objects.bulk_create(
            [row for index, table in enumerate(result.clusters) for row in _rows(run, index, table, result)],
            batch_size=1000,
        )
        revision_raise(run.dataset)


def _rows(run: ClusterRun, partition: int, table: ClusterTable, result: WSCResult) -> Iterator[Cluster]:
    """The clusters of one partition, its noise group (number 0) first."""
    aus = [run.aus[column] for column in table.aus]
    mask = mask_of_aus(run.dataset, aus)
    noise = int((result.membership[:, table.aus[0]] == 0).sum())
    yield Cluster(run=run, partition=partition, number=0, aus=mask, size=noise)
    for row in range(len(table.number)):
        votes = {
            str(au): {
                "share": _number(table.positive_share[row, slot]),
                "weak_share": _number(table.weak_share[row, slot]),
                "agreement": _number(table.agreement[row, slot]),
                "confidence": _number(table.confidence[row, slot]),
                "corrections": _number(table.corrections[row, slot]),
            }
            for slot, au in enumerate(aus)
        }
        yield Cluster(
            run=run,
            partition=partition,
            number=int(table.number[row]),
            aus=mask,
            size=int(table.size[row]),
            votes=votes,
            agreement=float(np.nan_to_num(table.agreement[row]).mean()),
            expected_corrections=float(np.nansum(table.corrections[row])),
        )


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
