"""The audit trail's words: entries are stored in English and shown in the reader's language."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
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
    "cluster split": _("Cluster split"),
    "cluster put back": _("Cluster put back"),
    "map asked for": _("Map asked for"),
    "training asked for": _("Training asked for"),
    "prediction asked for": _("Prediction asked for"),
    "sight asked for": _("What the network sees asked for"),
    "attribution asked for": _("Attribution asked for"),
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


DETAILS: dict[str, Promise] = {
    "accept_proposals": _("accept proposals"),
    "action": _("action"),
    "arrays": _("arrays"),
    "au": _("AU"),
    "aus": _("AUs"),
    "backbone": _("backbone"),
    "batch": _("import"),
    "before": _("before"),
    "cluster": _("cluster"),
    "coders_per_item": _("coders for each item"),
    "coding": _("coding"),
    "description": _("description"),
    "detector": _("detector"),
    "detectors": _("detectors"),
    "encoders": _("encoders"),
    "export": _("export"),
    "exports": _("exports"),
    "face": _("face"),
    "faces": _("faces"),
    "feature_set": _("feature set"),
    "file": _("file"),
    "filters": _("filters"),
    "from": _("from"),
    "invitation": _("invitation"),
    "job": _("job"),
    "laterality": _("laterality"),
    "member": _("member"),
    "method": _("method"),
    "name": _("name"),
    "part": _("part"),
    "present_from": _("present from"),
    "preset": _("preset"),
    "problems": _("problems"),
    "receipt": _("receipt"),
    "retention_until": _("kept until"),
    "revision": _("revision"),
    "role": _("role"),
    "rows": _("rows"),
    "run": _("run"),
    "seed": _("seed"),
    "sha256": _("SHA-256"),
    "shape": _("shape"),
    "show": _("list"),
    "sources": _("sources"),
    "to": _("to"),
    "version": _("version"),
}


def details_words(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of what an entry tells; what is empty is left out, lists are joined."""
    return [
        (str(DETAILS.get(name, name)), _plain(value))
        for name, value in detail.items()
        if value not in (None, "", [], {})
    ]


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return str(gettext("yes") if value is True else gettext("no") if value is False else value)


def action_words(action: str) -> str:
    """The words for a stored action; one of an older or newer release is shown as it is stored."""
    return str(ACTIONS.get(action, action))
