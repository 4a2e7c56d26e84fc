"""Where other pages lead to scores: the detector to show them of, for who may see it."""

from django import template

from annotator.models import Detector, Member
from annotator.selectors.access import EXPORT
from annotator.selectors.codes import is_blind
from trainer.selectors.scores import detector_scored

register = template.Library()


@register.simple_tag
def score_detector(member: Member) -> Detector | None:
    """The detector whose scores this member is offered; None where there is none, or none to be seen."""
    if member.role not in EXPORT or is_blind(member.user, member.dataset):
        return None
    return detector_scored(member.dataset)
