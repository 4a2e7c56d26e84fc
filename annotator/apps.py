"""The shared core: data sets, faces, label layers, review, import and export, members."""

from django.apps import AppConfig


class AnnotatorConfig(AppConfig):
    name = "annotator"

    def ready(self) -> None:
        from annotator import checks  # noqa: F401  (registers the system checks)
        from annotator.jobs import JobKind, job_kind_register

        job_kind_register(JobKind("import", "Import", queue="io", runner="annotator.services.importing.import_run"))
        job_kind_register(JobKind("export", "Export", queue="io", runner="annotator.services.exporting.export_run"))
