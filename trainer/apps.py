"""Detectors: training, evaluation, prediction, and the features they see faces by."""

from django.apps import AppConfig


class TrainerConfig(AppConfig):
    name = "trainer"

    def ready(self) -> None:
        from annotator.jobs import JobKind, job_kind_register

        for kind in (
            JobKind("features", "Features", queue="gpu", runner="trainer.services.extracting.features_run"),
            JobKind("training", "Training", queue="gpu", runner="trainer.services.training_running.training_run"),
            JobKind("prediction", "Prediction", queue="gpu", runner="trainer.services.predicting.prediction_run"),
            JobKind("sight", "What the network sees", queue="gpu", runner="trainer.services.sights.sight_run"),
            # short, and somebody waits: not behind a training of hours
            JobKind("attribution", "Attribution", queue="cpu", runner="trainer.services.sights.attribution_run"),
        ):
            job_kind_register(kind)
