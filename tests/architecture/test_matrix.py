"""Role × route, made from the URL configuration: an address without a rule here fails."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

EVERYBODY = frozenset({"anonymous", "charlie", "ana", "bob", "dora", "alice"})
USERS = EVERYBODY - {"anonymous"}
MEMBERS = USERS - {"charlie"}
EXPORT = frozenset({"ana", "dora", "alice"})
REVIEW = frozenset({"bob", "dora", "alice"})
ADMIN = frozenset({"alice"})

# Who may come in, by the name of the address, and by which method it is entered.
RULES: dict[str, tuple[str, frozenset[str]]] = {
    "login": ("GET", EVERYBODY),
    "login_again": ("POST", EVERYBODY),
    "login_link": ("GET", EVERYBODY),
    "logout": ("POST", EVERYBODY),
    "password_change": ("GET", USERS),
    "key_map": ("GET", USERS),
    "invitation_accept": ("GET", EVERYBODY),
    "healthz": ("GET", EVERYBODY),
    "readyz": ("GET", EVERYBODY),
    "metrics": ("GET", EVERYBODY),
    "dataset_list": ("GET", USERS),
    "dataset_create": ("GET", ADMIN),
    "dataset_detail": ("GET", MEMBERS),
    "dataset_figures": ("GET", MEMBERS),
    "dataset_card": ("GET", MEMBERS),
    "dataset_settings": ("GET", ADMIN),
    "dataset_aus": ("POST", ADMIN),
    "protocol_change": ("POST", ADMIN),
    "member_list": ("GET", ADMIN),
    "member_change": ("POST", ADMIN),
    "member_remove": ("POST", ADMIN),
    "invitation_create": ("POST", ADMIN),
    "invitation_revoke": ("POST", ADMIN),
    "audit_list": ("GET", ADMIN),
    "history": ("GET", MEMBERS),
    "history_download": ("GET", MEMBERS),
    "withdrawal_list": ("GET", ADMIN),
    "withdrawal_look": ("POST", ADMIN),
    "withdrawal_create": ("POST", ADMIN),
    "withdrawal_finish": ("POST", ADMIN),
    "job_detail": ("GET", MEMBERS),
    "job_progress": ("GET", MEMBERS),
    "job_cancel": ("POST", EXPORT),
    "job_resume": ("POST", EXPORT),
    "review_queue": ("GET", REVIEW),
    "review_next": ("POST", REVIEW),
    "assignment_release": ("POST", REVIEW),
    "decision_undo": ("POST", REVIEW),
    "cluster_detail": ("GET", REVIEW),
    "cluster_take": ("POST", REVIEW),
    "cluster_decide": ("POST", REVIEW),
    "cluster_beside": ("GET", REVIEW),
    "cluster_split": ("POST", REVIEW),
    "cluster_merge": ("POST", REVIEW),
    "noise_gallery": ("GET", REVIEW),
    "noise_decide": ("POST", REVIEW),
    "face_detail": ("GET", MEMBERS),
    "face_decide": ("POST", REVIEW),
    "face_panel": ("GET", MEMBERS),
    "face_strip": ("GET", MEMBERS),
    "face_neutral": ("POST", REVIEW),
    "clip_frame": ("GET", MEMBERS),
    "clip_film": ("GET", MEMBERS),
    "selection_create": ("POST", MEMBERS),
    "face_list": ("GET", MEMBERS),
    "grid_decide": ("POST", REVIEW),
    "faces_consequences": ("GET", REVIEW),
    "faces_decide": ("POST", REVIEW),
    "distributions": ("GET", MEMBERS),
    "face_picture": ("GET", MEMBERS),
    "face_thumbnail": ("GET", MEMBERS),
    "map": ("GET", MEMBERS),
    "map_points": ("GET", MEMBERS),
    "map_colours": ("GET", MEMBERS),
    "map_positions": ("GET", MEMBERS),
    "map_face": ("GET", MEMBERS),
    "map_create": ("POST", ADMIN),
    "import_list": ("GET", ADMIN),
    "import_create": ("GET", ADMIN),
    "import_detail": ("GET", ADMIN),
    "import_mapping": ("GET", ADMIN),
    "import_check": ("POST", ADMIN),
    "import_matches": ("GET", ADMIN),
    "import_start": ("POST", ADMIN),
    "import_discard": ("POST", ADMIN),
    "import_problems": ("GET", ADMIN),
    "run_list": ("GET", EXPORT),
    "run_create": ("POST", ADMIN),
    "run_compare": ("GET", EXPORT),
    "run_detail": ("GET", EXPORT),
    "run_changes": ("GET", EXPORT),
    "run_adopt": ("POST", ADMIN),
    "features_create": ("POST", ADMIN),
    "detector_list": ("GET", EXPORT),
    "detector_create": ("GET", ADMIN),
    "training_detail": ("GET", EXPORT),
    "detector_compare": ("GET", EXPORT),
    "detector_detail": ("GET", EXPORT),
    "detector_promote": ("POST", ADMIN),
    "detector_predict": ("POST", ADMIN),
    "detector_see": ("POST", ADMIN),
    "detector_attribute": ("POST", EXPORT),
    "detector_sight_picture": ("GET", EXPORT),
    "face_attribution_picture": ("GET", EXPORT),
    "detector_card": ("GET", EXPORT),
    "detector_weights": ("GET", EXPORT),
    "score_distribution": ("GET", EXPORT),
    "score_faces": ("GET", EXPORT),
    "export_list": ("GET", EXPORT),
    "export_create": ("POST", EXPORT),
    "export_detail": ("GET", EXPORT),
    "export_download": ("GET", EXPORT),
    "export_dictionary": ("GET", EXPORT),
    "api_schema": ("GET", USERS),
    "api_docs": ("GET", USERS),
    "api_dataset_list": ("GET", USERS),
    "api_dataset_detail": ("GET", MEMBERS),
    "api_face_list": ("GET", MEMBERS),
    "api_layer_list": ("GET", MEMBERS),
    "api_label_list": ("GET", MEMBERS),
    "api_run_list": ("GET", EXPORT),
    "api_cluster_list": ("GET", MEMBERS),
    "api_job_list": ("GET", MEMBERS),
    "api_job_detail": ("GET", MEMBERS),
    "api_job_cancel": ("POST", EXPORT),
    "api_decision_make": ("POST", REVIEW),
    "api_decision_undo": ("POST", REVIEW),
    "api_event_list": ("GET", MEMBERS),
    "api_event_mark": ("POST", REVIEW),
    "api_history": ("GET", MEMBERS),
    "api_exports": ("GET", EXPORT),
    "api_export_detail": ("GET", EXPORT),
    "api_detectors": ("GET", EXPORT),
    "api_detector_detail": ("GET", EXPORT),
    "api_detector_promote": ("POST", ADMIN),
    "api_detector_predict": ("POST", ADMIN),
    "api_detector_sight": ("GET", EXPORT),
    "api_face_attribution": ("GET", EXPORT),
}
# Entered by their owner only: for the others of the same role they are not there, or not theirs.
OWN = {"assignment_release": "bob", "decision_undo": "bob"}
# A page about one thing out of several on the list answers 404 for a number that is none.
NO_SUCH_THING = {"decision_undo", "detector_attribute"}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the configuration with its name."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry, prefix + str(entry.pattern))
        else:
            yield entry.name or prefix + str(entry.pattern), entry


ROUTES = dict(routes())


def test_every_address_has_a_rule_and_every_rule_an_address():
    assert set(ROUTES) == set(RULES)


def test_no_two_addresses_share_a_name():
    assert len(list(routes())) == len(ROUTES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_only_those_of_the_rule_come_in(name, world, cast):
    method, allowed = RULES[name]
    wrong = []
    for person in [*sorted(EVERYBODY - allowed), *sorted(allowed)]:
        client = Client() if person == "anonymous" else cast.client(person)
        response = client.generic(method, address(name, world))
        if person not in allowed:
            right = refused(response)
        elif name in NO_SUCH_THING or (name in OWN and OWN[name] != person):
            right = response.status_code in (302, 403, 404, 409)
        else:
            right = not refused(response) and (response.status_code < 500 or name == "readyz")
        if not right:
            wrong.append(f"{method} {name} by {person}: {response.status_code}")
    assert not wrong


def address(name, world):
    return reverse(name, kwargs={key: world.argument(name, key) for key in ROUTES[name].pattern.converters})


def refused(response) -> bool:
    """Sent to the login, or told that it is not for them, or that it is not there."""
    to_login = response.status_code == 302 and response["Location"].startswith("/login/?next=")
    return to_login or response.status_code in (401, 403, 404)


@pytest.mark.parametrize("name", sorted(name for name, (method, _) in RULES.items() if method == "POST"))
def test_what_writes_is_not_done_by_a_link(name, world, cast):
    assert cast.client("alice").get(address(name, world)).status_code == 405


@pytest.mark.parametrize("name", sorted(name for name, (method, _) in RULES.items() if method == "POST"))
def test_what_writes_needs_the_token_of_our_own_pages(name, world, cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert client.post(address(name, world)).status_code == 403
