"""Tags of the page's frame: the data set's navigation, what a job's card shows, figures as people read them."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator import facs
from annotator.choices import Role
from annotator.models import Job, Member
from annotator.selectors import jobs
from annotator.selectors.access import EXPORT, MANAGE, READ, REVIEW
from annotator.selectors.distributions import points_told

register = template.Library()


@dataclass(frozen=True)
class Place:
    """One entry of the navigation: its address's name, who may open it, and the names of the
    addresses under it (by their beginnings), on which it is marked as the present one."""

    url_name: str
    label: Promise
    allowed: frozenset[Role]
    beginnings: tuple[str, ...]


PLACES = (
    Place("dataset_detail", _("Overview"), READ, ("dataset_detail",)),
    Place("review_queue", _("Review"), REVIEW, ("review", "cluster", "decision", "assignment")),
    Place("face_list", _("Faces"), READ, ("face", "clip_film", "distributions")),
    Place("map", _("Map"), READ, ("map",)),
    Place("noise_gallery", _("Noise"), REVIEW, ("noise",)),
    Place("history", _("History"), READ, ("history",)),
    Place("run_list", _("Runs"), EXPORT, ("run", "features")),
    Place("detector_list", _("Detectors"), EXPORT, ("detector", "training", "score")),
    Place("import_list", _("Import"), MANAGE, ("import",)),
    Place("export_list", _("Export"), EXPORT, ("export",)),
    Place("member_list", _("Members"), MANAGE, ("member", "invitation")),
    Place("dataset_settings", _("Settings"), MANAGE, ("dataset_settings", "protocol", "withdrawal")),
)


@dataclass(frozen=True)
class Link:
    """One link of the navigation; `current` is the value of aria-current, or empty."""

    url: str
    label: Promise
    current: str


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any], member: Member) -> list[Link]:
    """The pages of the member's data set that their role may open; addresses not there are left out."""
    match = context["request"].resolver_match
    here = match.url_name if match else ""
    links = []
    for place in PLACES:
        if member.role not in place.allowed:
            continue
        try:
            url = reverse(place.url_name, args=[member.dataset_id])
        except NoReverseMatch:
            continue
        current = "page" if here == place.url_name else "true" if here.startswith(place.beginnings) else ""
        links.append(Link(url, place.label, current))
    return links


@register.simple_tag
def job_actions(job: Job, member: Member | None) -> dict[str, bool]:
    return jobs.job_actions(job, member or None)


@register.simple_tag
def job_title(job: Job) -> str:
    return jobs.job_title(job)


@register.simple_tag
def job_address(job: Job, member: Member | None) -> str:
    return jobs.job_address(job, member or None)


@register.filter
def job_counts(job: Job) -> list[tuple[str, str]]:
    return jobs.job_counts(job)


@register.simple_tag(takes_context=True)
def job_own_page(context: dict[str, Any], job: Job) -> bool:
    """Whether the page shown, or the one that htmx asks a part for, is the job's own."""
    request = context.get("request")
    asked_from = getattr(getattr(request, "htmx", None), "current_url_abs_path", None)
    here = str(asked_from or getattr(request, "path", ""))
    return here.partition("?")[0] == reverse("job_detail", args=[job.dataset_id, job.pk])


@register.filter
def thousands(number: Any) -> Any:
    """1234567 → “1,234,567”; what is no number stays as it is."""
    return f"{round(number):,}" if isinstance(number, int | float) else number


@register.filter
def decimal(value: float | None, digits: int = 2) -> str:
    """0.7213 → “0.72”; −0.091 → “−0.09”; −0.001 → “0.00”; None → “–”."""
    return "–" if value is None else f"{value:z.{digits}f}".replace("-", "−")


@register.filter
def thousandths(value: float) -> str:
    """0.00123 → “1.23”: three figures of a thousand times the value."""
    return f"{1000 * value:.3g}"


@register.filter
def points(difference: float) -> str:
    """0.031 → “+3.1”: a difference of shares in percentage points."""
    return points_told(difference)


@register.filter
def short_number(value: float) -> str:
    """0.03125 → “0.031”, 47.23 → “47”, 12345.6 → “12,346”: two figures, or whole."""
    return f"{value:.2g}" if abs(value) < 10 else f"{value:,.0f}"


@register.filter
def intensity_letter(level: int) -> str:
    """2 → “B”."""
    return facs.intensity_letter(int(level))
