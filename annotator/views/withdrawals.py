"""The withdrawal of a subject: look up, see what would go, confirm; and the receipts. Admins only."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from annotator.errors import Conflict, InputRefused, NotFound
from annotator.models import Member
from annotator.selectors.access import MANAGE, member_for
from annotator.selectors.withdrawal import (
    WithdrawalPreview,
    jobs_refuse,
    receipts,
    receipts_unfinished,
    withdrawal_preview,
)
from annotator.services.withdrawal import subject_withdraw, withdrawal_leftovers_delete


class LookupForm(forms.Form):
    """Posted, not in the address: addresses are kept in logs and histories."""

    pseudonym = forms.CharField(
        label=gettext_lazy("Pseudonym"),
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("As in the label file; for a face without a subject, the name of its image."),
    )


class ConfirmForm(forms.Form):
    pseudonym = forms.CharField(max_length=500, widget=forms.HiddenInput)
    confirm = forms.CharField(
        label=gettext_lazy("Type it again to confirm"),
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@login_required
@require_GET
def withdrawal_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    return _page(request, member_for(request.user, dataset_id, MANAGE))


@login_required
@require_POST
def withdrawal_look(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """What would go, in numbers."""
    member = member_for(request.user, dataset_id, MANAGE)
    form = LookupForm(request.POST)
    if form.is_valid():
        try:
            name = form.cleaned_data["pseudonym"]
            preview = withdrawal_preview(member.dataset, name)
        except NotFound as error:
            form.add_error("pseudonym", str(error))
        else:
            return _page(
                request, member, form=form, preview=preview, confirm=ConfirmForm(initial={"pseudonym": name})
            )
    return _page(request, member, form=form, status=422)


@login_required
@require_POST
def withdrawal_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        name = form.cleaned_data.get("pseudonym", "")
        if not name:
            return redirect("withdrawal_list", dataset_id)
        return _confirm_again(request, member, name, form)
    name = form.cleaned_data["pseudonym"]
    try:
        receipt = subject_withdraw(
            dataset=member.dataset, user=member.user, pseudonym=name, confirm=form.cleaned_data["confirm"]
        )
    except InputRefused as error:
        form.add_error("confirm", str(error))
        return _confirm_again(request, member, name, form)
    messages.success(
        request,
        ngettext(
            "The subject is withdrawn: %(count)d face and everything made of it is deleted.",
            "The subject is withdrawn: %(count)d faces and everything made of them are deleted.",
            receipt.faces,
        )
        % {"count": receipt.faces},
    )
    return redirect("withdrawal_list", dataset_id)


@login_required
@require_POST
def withdrawal_finish(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Delete what files were left behind, by withdrawals and by work that broke off."""
    member = member_for(request.user, dataset_id, MANAGE)
    left = withdrawal_leftovers_delete(dataset=member.dataset, user=member.user)
    if left:
        messages.error(request, _("%d files can't be deleted now: the storage refuses. Try again later.") % left)
    else:
        messages.success(request, _("No file is left that nothing names."))
    return redirect("withdrawal_list", dataset_id)


def _confirm_again(request: HttpRequest, member: Member, name: str, form: ConfirmForm) -> HttpResponse:
    preview = withdrawal_preview(member.dataset, name)
    lookup = LookupForm(initial={"pseudonym": name})
    return _page(request, member, form=lookup, preview=preview, confirm=form, status=422)


def _page(
    request: HttpRequest,
    member: Member,
    *,
    form: LookupForm | None = None,
    preview: WithdrawalPreview | None = None,
    confirm: ConfirmForm | None = None,
    status: int = 200,
) -> HttpResponse:
    try:
        jobs_refuse(member.dataset)
        busy = ""
    except Conflict as error:
        busy = str(error)
    context = {
        "dataset": member.dataset,
        "member": member,
        "form": form or LookupForm(),
        "preview": preview,
        "confirm": confirm,
        "busy": busy,
        "receipts": receipts(member.dataset),
        "unfinished": receipts_unfinished(member.dataset),
    }
    return render(request, "annotator/withdrawal_list.html", context, status=status)
