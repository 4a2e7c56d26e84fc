"""Coming in and going out: login, one-time links, invitations, one's own password."""

from typing import Any

from django import forms
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import (
    AuthenticationForm,
    BaseUserCreationForm,
    PasswordChangeForm,
    SetPasswordForm,
    UsernameField,
)
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from annotator.errors import InputRefused, NotFound
from annotator.services import accounts, members

BACKEND = "django.contrib.auth.backends.ModelBackend"


class LoginForm(AuthenticationForm):
    """Django's, with the words for a user name that stand everywhere else."""

    username = UsernameField(label=gettext_lazy("User name"), widget=forms.TextInput(attrs={"autofocus": True}))
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy("This user name and this password don't go together. Capital letters count."),
    }


class AccountForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """A user name and a password, twice."""

    class Meta:
        model = User
        fields = ("username",)
        labels = {"username": gettext_lazy("User name")}
        help_texts = {"username": gettext_lazy("Letters, digits and @ . + - _; others in the data set see it.")}

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("Somebody has this user name already."))
        return username


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", False):
        # A part of a page asked for itself after the session had ended: send the whole page here.
        back = request.htmx.current_url_abs_path or reverse("dataset_list")  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(f"{reverse('login')}?{urlencode({'next': back})}")
    target = _next_of(request)
    if request.user.is_authenticated:
        return redirect(target)
    form = LoginForm(request, request.POST or None)
    status = 200
    if request.method == "POST":
        status = _login_tried(request, form)
        if status == 204:
            return redirect(target)
        if status == 429:
            form = LoginForm(request)
            messages.error(request, _held_words())
    return render(request, "annotator/login.html", {"form": form, "next": target}, status=status)


@sensitive_post_parameters()
@never_cache
@require_POST
def login_again(request: HttpRequest) -> HttpResponse:
    """The password, sent by the script of a page whose session ended: 204 and a new session, or in plain
    words why not. Guesses are counted together with those of the log-in page."""
    status = _login_tried(request, LoginForm(request, request.POST))
    if status == 204:
        return HttpResponse(status=204)
    words = _held_words() if status == 429 else _("This is not the right password.")
    return HttpResponse(words, status=429 if status == 429 else 422, content_type="text/plain; charset=utf-8")


def _login_tried(request: HttpRequest, form: LoginForm) -> int:
    """Log in by the form: 204 if it went well, 200 for a wrong password, 429 after too many."""
    name, address = request.POST.get("username", ""), request.META.get("REMOTE_ADDR", "")
    if accounts.login_held(name, address):
        return 429
    if not form.is_valid():
        accounts.login_failed(name, address)
        return 200
    accounts.login_passed(name, address)
    auth.login(request, form.get_user())
    return 204


def _held_words() -> str:
    return _("Too many failed attempts. Wait %(minutes)s minutes, or ask an admin for a login link.") % {
        "minutes": accounts.FAILURE_MINUTES
    }


def _next_of(request: HttpRequest) -> str:
    """Where to go after the login: an address of this server only."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else reverse("dataset_list")


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect("login")


@never_cache
@require_http_methods(["GET", "POST"])
def login_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET only asks, so that a mail program's look at the link doesn't use it up; POST logs in."""
    try:
        if request.method == "POST":
            auth.login(request, accounts.login_link_use(token), backend=BACKEND)
            return redirect("dataset_list")
        link = accounts.login_link_find(token)
    except NotFound as error:
        return _link_over(request, error)
    return render(request, "annotator/login_link.html", {"link": link})


def _link_over(request: HttpRequest, error: NotFound) -> HttpResponse:
    """The answer to a login or invitation link that was used, revoked or is too old."""
    return render(request, "annotator/link_over.html", {"message": str(error)}, status=error.status)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """The invited person makes an account, or joins with the one they are logged in with."""
    try:
        return _invitation_accept(request, token)
    except NotFound as error:
        return _link_over(request, error)


def _invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    invitation = members.invitation_find(token)
    form = AccountForm(request.POST or None)
    if request.method == "POST" and request.user.is_authenticated:
        return _welcome(request, members.invitation_accept(token=token, user=request.user))
    if request.method == "POST" and form.is_valid():
        try:
            member = members.account_accept(
                token=token, username=form.cleaned_data["username"], password=form.cleaned_data["password1"]
            )
        except InputRefused as error:
            form.add_error("username", str(error))
        else:
            auth.login(request, member.user, backend=BACKEND)
            return _welcome(request, member)
    return render(request, "annotator/invitation_accept.html", {"invitation": invitation, "form": form})


def _welcome(request: HttpRequest, member: Any) -> HttpResponse:
    messages.success(
        request,
        _("Welcome to “%(name)s”. You are here as %(role)s.")
        % {"name": member.dataset.name, "role": str(member.get_role_display()).lower()},
    )
    return redirect("dataset_detail", member.dataset_id)


@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "POST"])
def password_change(request: HttpRequest) -> HttpResponse:
    """One's own password. Who came in by a link and has none yet sets one without an old one."""
    user = request.user
    assert user.is_authenticated
    kind = PasswordChangeForm if user.has_usable_password() else SetPasswordForm
    form = kind(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        auth.update_session_auth_hash(request, user)
        messages.success(request, _("Your password is changed. Other places you were logged in are logged out."))
        return redirect("dataset_list")
    return render(request, "annotator/login_password.html", {"form": form})
