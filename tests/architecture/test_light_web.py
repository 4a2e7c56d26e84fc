"""The web process stays light: every page is served without torch, faiss, umap, numba or scikit-learn.

A process of its own visits each address with the test's database and files, then looks at what it
has loaded; in this one the tests of the algorithms may have loaded anything.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import reverse

from tests.architecture.test_matrix import ROUTES, RULES
from tests.workers import environment

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "faiss", "umap", "numba", "sklearn"}
VISITOR = """
import json, os, sys
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from config.wsgi import application
client = Client(raise_request_exception=True)
client.force_login(User.objects.get(username="alice"))
statuses = {}
for name, (method, url) in json.loads(sys.stdin.read()).items():
    response = client.generic(method, url)
    statuses[name] = response.status_code
    if response.streaming:
        b"".join(response.streaming_content)
print(json.dumps({"statuses": statuses, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.mark.django_db(transaction=True)
def test_every_page_is_served_without_a_heavy_library(world):
    visits = {}
    for name, (method, _) in RULES.items():
        if name in ("logout", "invitation_accept", "login_link"):
            continue  # they change who is visiting; their views are loaded with the others
        arguments = {key: world.argument(name, key) for key in ROUTES[name].pattern.converters}
        visits[name] = (method, reverse(name, kwargs=arguments))
    done = subprocess.run(
        [sys.executable, "-c", VISITOR],
        cwd=ROOT,
        env=os.environ | environment() | {"DJANGO_SETTINGS_MODULE": "config.settings", "CORRUGATOR_DEBUG": "1"},
        input=json.dumps(visits),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    broken = {name: status for name, status in told["statuses"].items() if status >= 500 and name != "readyz"}
    assert not broken
    assert len(told["statuses"]) == len(visits)
    assert not HEAVY & set(told["modules"])
