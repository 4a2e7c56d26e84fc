"""Who may do what: members, invitations, one-time login links, the audit trail."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotator.choices import Role
from annotator.models.datasets import DataSet


class Member(models.Model):
    """A user's role in one data set."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(models.Model):
    """A link that lets one person in, once; only a hash of its token is kept."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Role.choices)
    name = models.CharField(max_length=150)
    """Whom the link is meant for, in the inviter's words."""
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation of {self.name}"


class LoginLink(models.Model):
    """A link that logs one user in, once and soon; only a hash of its token is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="login_links")
    token_sha256 = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"login link of {self.user}"


class KeyMap(models.Model):
    """The keys that one person gave to commands; what isn't named keeps its own."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="key_map")
    keys = models.JSONField(default=dict)
    """Command name to key, as the registry writes keys."""

    def __str__(self) -> str:
        return f"keys of {self.user}"


class AuditEntry(models.Model):
    """What people did other than coding: members, protocols, adoptions, downloads."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, null=True, related_name="audit_entries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    action = models.CharField(max_length=60)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["dataset", "-id"], name="audit_newest", condition=Q(dataset__isnull=False))]

    def __str__(self) -> str:
        return self.action
