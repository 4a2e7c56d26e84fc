"""Detectors: training, evaluation, prediction, and the features they see faces by."""

from django.apps import AppConfig


class TrainerConfig(AppConfig):
    name = "trainer"

    def ready(self) -> None:
        from annotator.jobs import JobKind, job_kind_register

        job_kind_register(
            JobKind("features", "Features", queue="gpu", runner="trainer.services.extracting.features_run")
        )
