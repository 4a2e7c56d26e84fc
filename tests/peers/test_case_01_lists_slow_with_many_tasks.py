"""List pages took over 15 seconds with 10,000 to 100,000 tasks (Label Studio 9637).

Ours: no count carries a large column, and a page costs about the same for forty times the faces. The
times are compared within one run; benchmarks/web_latency.py tells them for a million faces.
"""

import re
import sys
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import web_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
FEW, MANY = 1_000, 40_000
LARGE = ("in_view", "intensities", "configuration", "report", "curves", "summary", "note", "params", "pixels_sha256")
"""Columns that may hold a lot."""
PAGES = {
    "dataset_list": "alice", "review_queue": "bob", "noise_gallery": "bob", "history": "alice",
    "run_list": "alice", "detector_list": "alice", "export_list": "alice",
    "import_list": "alice", "api_dataset_detail": "alice",
    "api_face_list": "alice", "api_cluster_list": "alice",
}  # fmt: skip


def seconds(addresses):
    """The least time of each page out of five, by name."""
    told = {}
    for name, who in PAGES.items():
        client = Client()
        client.force_login(User.objects.get(username=who))
        times = []
        for _time in range(5):
            began = time.perf_counter()
            assert client.get(addresses[name]).status_code == 200, name
            times.append(time.perf_counter() - began)
        told[name] = min(times)
    return told


def addresses_of(dataset):
    return {name: reverse(name, args=[] if name == "dataset_list" else [dataset.pk]) for name in PAGES}


def test_forty_times_the_faces_cost_a_page_little_more_and_no_count_carries_a_large_column(transactional_db):
    cache.clear()
    few = seconds(addresses_of(web_world.world_build(FEW)))
    large = web_world.world_build(MANY)
    with CaptureQueriesContext(connection) as asked:
        many = seconds(addresses_of(large))
    assert {name: many[name] for name in PAGES if many[name] > 3 * few[name] + 0.2} == {}
    counts = [one["sql"] for one in asked.captured_queries if re.search(r"\bCOUNT\(", one["sql"])]
    assert counts
    assert [sql for sql in counts if re.search(r"GROUP BY [^)]*(" + "|".join(LARGE) + ")", sql)] == []
