"""The audit trail's words: entries are stored in English and shown in the reader's language."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, Promise] = {
    "dataset created": _("Data set created"),
    "settings changed": _("Settings changed"),
    "AUs added": _("AUs added"),
    "AU hidden": _("AU taken off the list"),
    "protocol changed": _("Protocol changed"),
    "invitation created": _("Invitation made"),
    "invitation revoked": _("Invitation revoked"),
    "invitation accepted": _("Invitation accepted"),
    "role changed": _("Role changed"),
    "member removed": _("Member removed"),
    "import started": _("Import started"),
    "import done": _("Import done"),
    "features asked for": _("Features asked for"),
    "clustering started": _("Clustering started"),
    "run adopted": _("Run adopted"),
    "training asked for": _("Training asked for"),
    "prediction asked for": _("Prediction asked for"),
    "detector promoted": _("Detector promoted"),
    "detector weights downloaded": _("Detector weights downloaded"),
    "export created": _("Export made"),
    "export downloaded": _("Export downloaded"),
    "history downloaded": _("History downloaded"),
    "subject withdrawn": _("Subject withdrawn"),
    "files of a withdrawn subject deleted": _("Files of the withdrawn subject deleted"),
    "login link used": _("Login link used"),
    "made a lab admin": _("Made a lab admin"),
}


def action_words(action: str) -> str:
    """The words for a stored action; one of an older or newer release is shown as it is stored."""
    return str(ACTIONS.get(action, action))
