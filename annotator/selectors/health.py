"""Whether the server can do its work: database, migrations, broker, workers; and counts to watch."""

from collections.abc import Iterator

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from annotator.jobs import QUEUES
from annotator.models import DataSet, Decision, Face, Job
from config.embedded import redis_answers

WORKER_KEY = "health:workers"
WORKER_SECONDS = 10
"""How long an answer of the workers is believed."""


def health_problems() -> dict[str, str]:
    """What keeps the server from working, by part; empty when all is well."""
    problems = {}
    if problem := database_problem():
        problems["database"] = problem
    if not redis_answers(settings.REDIS_URL):
        problems["broker"] = "The broker (Redis) doesn't answer; jobs wait."
        problems["workers"] = "Nobody can reach the workers without the broker."
    elif missing := queues_unserved():
        problems["workers"] = f"No worker serves: {', '.join(missing)}."
    return problems


def database_problem() -> str:
    """Why the database can't be used, or an empty string."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "The database doesn't answer."
    return f"{len(waiting)} migrations are not applied." if waiting else ""


def queues_unserved() -> list[str]:
    """The queues that no worker said it serves lately."""
    served: list[str] | None = cache.get(WORKER_KEY)
    if served is None:
        try:
            answers = current_app.control.inspect(timeout=1.0).active_queues() or {}
        except Exception:  # whatever the broker's client raises, nobody answered
            answers = {}
        served = sorted({queue["name"] for queues in answers.values() for queue in queues})
        cache.set(WORKER_KEY, served, WORKER_SECONDS)
    return [queue for queue in QUEUES if queue not in served]


class CountsCollector(Collector):
    """Counts from the database at the moment they are asked for."""

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("corrugator_jobs", "Jobs by kind and state", labels=["kind", "state"])
        for row in Job.objects.order_by().values("kind", "state").annotate(n=Count("pk")):
            jobs.add_metric([row["kind"], row["state"]], row["n"])
        yield jobs
        yield GaugeMetricFamily("corrugator_data_sets", "Data sets", value=DataSet.objects.count())
        yield GaugeMetricFamily("corrugator_faces", "Faces in all data sets", value=Face.objects.count())
        yield GaugeMetricFamily("corrugator_decisions", "Decisions of coders", value=Decision.objects.count())
