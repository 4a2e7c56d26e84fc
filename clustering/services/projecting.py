"""The projection job: read features, lay them out on a plane, keep it. Runs in a worker: imports umap and faiss."""

from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from annotator.choices import ProjectionMethod
from annotator.errors import InputRefused
from annotator.models import FeatureSet, Projection
from annotator.selectors.arrays import array_read
from annotator.selectors.projections import projection_made
from annotator.services.arrays import array_write
from annotator.services.job_running import JobContext
from clustering.algorithms.callbacks import Cancelled, Progress
from clustering.algorithms.neighbours import Neighbours, neighbour_search
from clustering.algorithms.projection import UMAP_NEIGHBOURS, pca_plane, plane_scale, umap_plane
from clustering.algorithms.settings import WSCSettings
from clustering.services.neighbour_lists import neighbours_path, neighbours_read


def projection_run(context: JobContext) -> dict[str, Any]:
    """Make the plane that the job's parameters name: {"projection", "faces", "method"}."""
    feature_set = FeatureSet.objects.select_related("dataset", "features").get(pk=context.params["feature_set"])
    method, seed = str(context.params["method"]), int(context.params["seed"])
    made = projection_made(feature_set, method)
    if made is not None:
        return {"projection": made.pk, "faces": made.configuration["faces"], "method": method}
    context.progress(0.01, "Reading features")
    stored = array_read(feature_set.features, check=True)
    positions = np.flatnonzero(np.isfinite(stored).all(axis=1))
    features = np.ascontiguousarray(stored[positions], np.float32)

    def progress(fraction: float, message: str) -> None:
        context.progress(0.02 + 0.95 * fraction, message)

    try:
        plane, told = _plane(context, feature_set, features, positions, progress)
    except Cancelled:
        context.stop_if_asked()
        raise
    except ValueError as error:
        raise InputRefused(str(error)) from error
    context.progress(0.98, "Keeping the map")
    coordinates = np.full((len(stored), 2), np.nan, np.float32)
    coordinates[positions] = plane_scale(plane)
    with transaction.atomic():
        projection = Projection.objects.create(
            dataset=feature_set.dataset,
            feature_set=feature_set,
            method=method,
            coordinates=array_write(dataset=feature_set.dataset, purpose="projection", values=coordinates),
            configuration={"faces": len(positions), **told},
            seed=seed,
            revision=feature_set.dataset.revision,
            job=context.job,
        )
    return {"projection": projection.pk, "faces": len(positions), "method": method}


def _plane(
    context: JobContext,
    feature_set: FeatureSet,
    features: NDArray[np.float32],
    positions: NDArray[np.int64],
    progress: Progress,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The plane (N, 2), and what is told of how it was made."""
    if context.params["method"] == ProjectionMethod.PCA:
        return pca_plane(features, progress=progress, cancelled=context.cancelled), {}
    seed = int(context.params["seed"])
    neighbours = _neighbours_kept(feature_set, positions)
    reused = neighbours is not None
    if neighbours is None:
        progress(0.0, "Searching the neighbours of each face")
        # With too few faces for UMAP the plane itself says so.
        neighbours = neighbour_search(features, max(1, min(UMAP_NEIGHBOURS - 1, len(features) - 1)), seed=seed)
    plane = umap_plane(
        features,
        neighbours,
        seed=seed,
        progress=lambda fraction, message: progress(0.1 + 0.9 * fraction, message),
        cancelled=context.cancelled,
    )
    return plane, {"neighbours": UMAP_NEIGHBOURS, "recall": round(neighbours.recall, 4), "lists_reused": reused}


def _neighbours_kept(feature_set: FeatureSet, positions: NDArray[np.int64]) -> Neighbours | None:
    """The neighbour lists that a run of the same features and faces left behind, if they are long enough."""
    for run in feature_set.runs.order_by("-pk"):
        wanted = WSCSettings(**run.configuration)
        if wanted.neighbours < UMAP_NEIGHBOURS - 1:
            continue
        kept = neighbours_read(neighbours_path(feature_set.features, positions, wanted, run.seed))
        if kept is not None:
            return kept
    return None
