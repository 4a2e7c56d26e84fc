"""What the server tells whoever watches it."""

import pytest
from django.core.cache import cache
from django.test import Client

from annotator.jobs import QUEUES
from annotator.models import Job
from annotator.selectors import health


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


def test_a_living_process_says_ok():
    assert Client().get("/healthz").content == b"ok\n"


@pytest.mark.django_db
def test_it_is_ready_with_database_broker_and_all_workers(monkeypatch):
    cache.set(health.WORKER_KEY, list(QUEUES))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": {}})


@pytest.mark.django_db
def test_without_a_worker_it_names_the_queues():
    cache.set(health.WORKER_KEY, ["io"])
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"workers": "No worker serves: cpu, gpu."}


@pytest.mark.django_db
def test_nobody_answers_when_no_worker_runs():
    assert health.queues_unserved() == list(QUEUES)


@pytest.mark.django_db
def test_without_a_broker_it_is_not_ready(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert set(health.health_problems()) == {"broker", "workers"}


@pytest.mark.django_db
def test_unapplied_migrations_are_told(monkeypatch):
    monkeypatch.setattr("django.db.migrations.executor.MigrationExecutor.migration_plan", lambda *_: [1, 2])
    assert health.database_problem() == "2 migrations are not applied."


def test_metrics_count_what_is_there(dataset, settings):
    settings.METRICS_TOKEN = ""
    Job.objects.create(dataset=dataset, kind="import", target="import:1", queue="io")
    page = Client().get("/metrics").content.decode()
    assert 'corrugator_jobs{kind="import",state="queued"} 1.0' in page
    assert "corrugator_data_sets 1.0" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "extra", "status"),
    [
        ("", {"REMOTE_ADDR": "10.0.0.9"}, 404),
        ("", {"HTTP_X_FORWARDED_FOR": "10.0.0.9"}, 404),
        ("secret", {}, 404),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer wrong"}, 404),
        ("secret", {"HTTP_AUTHORIZATION": "Bearer secret", "REMOTE_ADDR": "10.0.0.9"}, 200),
    ],
)
def test_metrics_are_for_the_machine_itself_or_who_has_the_token(settings, token, extra, status):
    settings.METRICS_TOKEN = token
    assert Client().get("/metrics", **extra).status_code == status
