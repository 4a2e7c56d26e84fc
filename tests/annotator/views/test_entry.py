"""Who may open which of the pages of data sets, members and jobs."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotator.choices import JobState, Role
from annotator.models import Job
from annotator.services.members import invitation_create

EVERYBODY = {"alice", "dora", "bob", "cleo", "ana"}
ROUTES = [
    ("get", "dataset_detail", [], {}, EVERYBODY),
    ("get", "dataset_figures", [], {}, EVERYBODY),
    ("get", "dataset_card", [], {}, EVERYBODY),
    ("get", "dataset_settings", [], {}, {"alice"}),
    ("post", "dataset_settings", [], {"name": "Smiles"}, {"alice"}),
    ("post", "dataset_aus", [], {"aus": [1, 4]}, {"alice"}),
    ("post", "protocol_change", [], {}, {"alice"}),
    ("get", "member_list", [], {}, {"alice"}),
    ("post", "invitation_create", [], {"name": "Eve", "role": "coder"}, {"alice"}),
    ("post", "invitation_revoke", ["invitation"], {}, {"alice"}),
    ("post", "member_change", ["bob"], {"role": "coder"}, {"alice"}),
    ("post", "member_remove", ["bob"], {}, {"alice"}),
    ("get", "audit_list", [], {}, {"alice"}),
    ("get", "job_detail", ["job"], {}, EVERYBODY),
    ("get", "job_progress", ["job"], {}, EVERYBODY),
    ("post", "job_cancel", ["job"], {}, {"alice"}),
    ("post", "job_resume", ["failed"], {}, {"alice"}),
]


@pytest.fixture
def address(cast, dataset):
    """The address of a route, its further ids by name."""
    jobs = {
        "job": Job.objects.create(dataset=dataset, kind="import", target="import:1", queue="io"),
        "failed": Job.objects.create(
            dataset=dataset, kind="import", target="import:2", queue="io", state=JobState.FAILED
        ),
    }
    ids = {name: job.pk for name, job in jobs.items()}
    ids["bob"] = dataset.members.get(user=cast.bob).pk
    ids["invitation"] = invitation_create(dataset=dataset, name="Eve", role=Role.CODER, user=cast.alice)[0].pk

    def of(name, further):
        return reverse(name, args=[dataset.pk, *(ids[one] for one in further)])

    return of


@pytest.mark.parametrize(
    ("method", "name", "further", "data", "allowed"), ROUTES, ids=[f"{r[0]}-{r[1]}" for r in ROUTES]
)
@pytest.mark.parametrize("person", ["alice", "dora", "bob", "ana", "charlie"])
def test_only_the_roles_meant_get_in(cast, address, method, name, further, data, allowed, person):
    answer = getattr(cast.client(person), method)(address(name, further), data)
    if person in allowed:
        assert answer.status_code in (200, 302, 422)
    else:
        assert answer.status_code == (404 if person == "charlie" else 403)


@pytest.mark.parametrize("route", ROUTES, ids=[f"{r[0]}-{r[1]}" for r in ROUTES])
def test_strangers_are_sent_to_the_login(address, route):
    method, name, further, data, _ = route
    answer = getattr(Client(), method)(address(name, further), data)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("route", [r for r in ROUTES if r[0] == "post"], ids=lambda r: r[1])
def test_what_writes_does_not_answer_to_get(cast, address, route):
    _, name, further, _, _ = route
    if name != "dataset_settings":
        assert cast.client("alice").get(address(name, further)).status_code == 405


@pytest.mark.parametrize("person", ["dora", "bob", "ana", "charlie"])
def test_only_staff_create_data_sets(cast, person):
    assert cast.client(person).get(reverse("dataset_create")).status_code == 403


def test_posts_without_the_token_are_refused(cast, address):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="alice"))
    assert client.post(address("member_remove", ["bob"])).status_code == 403
