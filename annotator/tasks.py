"""Celery's doorway: one task for every job kind; it takes an id and calls the service."""

from celery import shared_task


@shared_task(name="annotator.job_execute", ignore_result=True)
def job_execute(job_id: int) -> None:
    from annotator.services.job_running import job_run

    job_run(job_id)
