"""manage.py lab_admin."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client


@pytest.mark.parametrize("there", [True, False])
def test_somebody_may_make_data_sets_and_gets_in(db, there):
    if there:
        User.objects.create_user("carla", password="x")
    out = StringIO()
    call_command("lab_admin", "carla", "--json", stdout=out)
    link = json.loads(out.getvalue())["link"].split("127.0.0.1:8000")[-1]
    client = Client()
    client.post(link)
    assert client.get("/datasets/new/").status_code == 200
    assert User.objects.get(username="carla").has_usable_password() == there
