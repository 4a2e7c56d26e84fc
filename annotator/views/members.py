"""The members of a data set and the invitations to it; admins only."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import Role
from annotator.models import Invitation, Member
from annotator.selectors.access import MANAGE, member_for
from annotator.services import members

FLASH = "invitation-link"
"""The beginning of the session's key for the link of an invitation just made; it is shown once."""


class InvitationForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("For whom"),
        max_length=150,
        help_text=gettext_lazy("A note for you and the audit trail; the person chooses their own user name."),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.CODER)


@login_required
@require_GET
def member_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    return _page(request, member, InvitationForm())


def _page(request: HttpRequest, member: Member, form: InvitationForm, status: int = 200) -> HttpResponse:
    everybody = Member.objects.filter(dataset=member.dataset).select_related("user").order_by("user__username")
    invitations = Invitation.objects.filter(
        dataset=member.dataset, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    ).select_related("created_by")
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "members": everybody,
        "invitations": invitations,
        "form": form,
        "roles": Role.choices,
        "days": members.INVITATION_DAYS,
        "fresh": request.session.pop(f"{FLASH}-{member.dataset_id}", None),
    }
    return render(request, "annotator/member_list.html", context, status=status)


@login_required
@require_POST
def invitation_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _page(request, member, form, status=422)
    invitation, token = members.invitation_create(dataset=member.dataset, user=member.user, **form.cleaned_data)
    link = request.build_absolute_uri(reverse("invitation_accept", args=[token]))
    request.session[f"{FLASH}-{dataset_id}"] = {"name": invitation.name, "link": link}
    return redirect("member_list", dataset_id)


@login_required
@require_POST
def invitation_revoke(request: HttpRequest, dataset_id: int, invitation_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    members.invitation_revoke(dataset=member.dataset, invitation_id=invitation_id, user=member.user)
    request.session.pop(f"{FLASH}-{dataset_id}", None)
    messages.success(request, _("The invitation is revoked; its link leads nowhere now."))
    return redirect("member_list", dataset_id)


@login_required
@require_POST
def member_change(request: HttpRequest, dataset_id: int, member_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    changed = members.member_change(
        dataset=member.dataset, member_id=member_id, role=request.POST.get("role", ""), user=member.user
    )
    messages.success(
        request,
        _("%(name)s is %(role)s now.")
        % {"name": changed.user.get_username(), "role": str(changed.get_role_display()).lower()},
    )
    return redirect("dataset_detail" if changed.pk == member.pk else "member_list", dataset_id)


@login_required
@require_POST
def member_remove(request: HttpRequest, dataset_id: int, member_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    members.member_remove(dataset=member.dataset, member_id=member_id, user=member.user)
    messages.success(request, _("The member is removed. What they decided stays."))
    return redirect("dataset_list") if member_id == member.pk else redirect("member_list", dataset_id)


@login_required
@require_GET
def audit_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The address that the audit trail had before it became a part of the history."""
    member_for(request.user, dataset_id, MANAGE)
    return redirect(reverse("history", args=[dataset_id]) + "?show=audit")
