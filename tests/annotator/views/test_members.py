"""The members page: links shown once, roles changed, the trail of it."""

import re

from django.test import Client
from django.urls import reverse

from annotator.choices import Role


def test_an_invitation_link_is_shown_once_and_works(cast, dataset):
    client = cast.client("alice")
    page = reverse("member_list", args=[dataset.pk])
    client.post(reverse("invitation_create", args=[dataset.pk]), {"name": "Eve", "role": "analyst"})
    link = re.search(r'value="(http://testserver/invitations/[^"]+)"', client.get(page).content.decode())
    assert link
    assert link[1] not in client.get(page).content.decode()
    assert "as analyst" in Client().get(link[1]).content.decode()


def test_an_invitation_without_a_name_is_shown_again_with_its_error(cast, dataset):
    answer = cast.client("alice").post(reverse("invitation_create", args=[dataset.pk]), {"name": "", "role": "coder"})
    assert answer.status_code == 422
    assert "This field is required" in answer.content.decode()


def test_a_revoked_invitation_leaves_the_list(cast, dataset):
    client = cast.client("alice")
    client.post(reverse("invitation_create", args=[dataset.pk]), {"name": "Eve Example", "role": "coder"})
    invitation = dataset.invitations.get()
    client.post(reverse("invitation_revoke", args=[dataset.pk, invitation.pk]))
    assert "Eve Example" not in client.get(reverse("member_list", args=[dataset.pk])).content.decode()


def test_an_admin_who_gives_the_role_away_lands_where_they_may_be(cast, dataset):
    dora = dataset.members.get(user=cast.dora)
    client = cast.client("alice")
    client.post(reverse("member_change", args=[dataset.pk, dora.pk]), {"role": Role.ADMIN})
    alice = dataset.members.get(user=cast.alice)
    answer = client.post(reverse("member_change", args=[dataset.pk, alice.pk]), {"role": Role.CODER}, follow=True)
    assert answer.status_code == 200
    answer = cast.client("dora").post(reverse("member_remove", args=[dataset.pk, dora.pk]), follow=True)
    assert answer.status_code == 400


def test_the_audit_trail_tells_who_did_what(cast, dataset):
    client = cast.client("alice")
    client.post(reverse("invitation_create", args=[dataset.pk]), {"name": "Eve Example", "role": "coder"})
    page = client.get(reverse("audit_list", args=[dataset.pk]), follow=True).content.decode()
    assert "Invitation made" in page
    assert "Eve Example" in page


def test_the_pages_ask_no_more_with_more_members(cast, dataset, django_assert_max_num_queries):
    from django.contrib.auth.models import User

    from annotator.models import Member

    Member.objects.bulk_create(
        Member(dataset=dataset, user=User.objects.create(username=f"m{i}"), role=Role.CODER) for i in range(20)
    )
    client = cast.client("alice")
    with django_assert_max_num_queries(6):
        client.get(reverse("member_list", args=[dataset.pk]))
