"""Weakly supervised clustering: features → graph → embedding → clusters → proposals."""

from django.apps import AppConfig


class ClusteringConfig(AppConfig):
    name = "clustering"

    def ready(self) -> None:
        from annotator.jobs import JobKind, job_kind_register

        job_kind_register(
            JobKind("clustering", "Clustering run", queue="cpu", runner="clustering.services.running.clustering_run")
        )
        job_kind_register(
            JobKind(
                "projection", "Map of the faces", queue="cpu", runner="clustering.services.projecting.projection_run"
            )
        )
