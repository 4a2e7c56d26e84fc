"""Template tags used on every page: AU names, links to thumbnails, numbers as people read them."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.urls import reverse
from django.utils.http import urlencode

from annotator import audit
from annotator import stored_words as told
from annotator.choices import LayerKind
from annotator.facs import ACTION_UNITS
from annotator.models import AuditEntry, CodedAU, Face, LabelLayer
from annotator.selectors.face_grid import KIND_LETTERS
from annotator.selectors.tiles import Shot

register = template.Library()


@register.filter
def au_name(au: int) -> str:
    """12 → “lip corner puller”."""
    unit = ACTION_UNITS.get(int(au))
    return unit.name if unit else ""


@register.filter
def in_mask(coded: Iterable[CodedAU], mask: int) -> list[CodedAU]:
    """Those of the AUs whose bit is set."""
    return [one for one in coded if one.mask & mask]


@register.filter
def action_words(action: str) -> str:
    """“run adopted”, as the audit trail stores it, in the reader's words."""
    return audit.action_words(action)


@register.filter
def stored_words(text: str) -> str:
    """A sentence that a job stored in English, in the reader's language."""
    return told.stored_words(text)


@register.filter
def audit_details(entry: AuditEntry) -> list[tuple[str, str]]:
    """What an entry of the audit trail tells besides its action, in the reader's words."""
    return audit.details_words(entry.detail)


@register.filter
def percent(share: float | None, digits: int = 0) -> str:
    """0.123 → “12%”; None → “–”."""
    return "–" if share is None else f"{share * 100:.{digits}f}%"


@register.filter
def times_hundred(share: float | None) -> str:
    """0.123 → “12.3”, for SVG widths."""
    return f"{(share or 0) * 100:.2f}"


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """mapping[key] for dicts (string keys tried too), None when missing."""
    if mapping is None:
        return None
    return mapping.get(key, mapping.get(str(key)))


@register.filter
def layer_letter(layer: LabelLayer) -> str:
    """How a tile names a layer: W for a weak one."""
    return KIND_LETTERS[LayerKind(layer.kind)]


@register.simple_tag
def thumbnail(face: Face | Shot) -> str:
    return reverse("face_thumbnail", args=[face.dataset_id, face.key.hex])


@register.simple_tag
def picture(face: Face | Shot) -> str:
    return reverse("face_picture", args=[face.dataset_id, face.key.hex])


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's query string with these parameters changed (None takes one out)."""
    parameters = context["request"].GET.dict()
    parameters.update(changes)
    kept = {key: value for key, value in parameters.items() if value not in (None, "")}
    return "?" + urlencode(kept) if kept else "?"
