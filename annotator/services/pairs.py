"""Pairs of AUs that exclude each other or seldom go together: asked about, never forbidden."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotator.errors import CorrugatorError
from annotator.facs import OPPOSITES, UNLIKELY_PAIRS, au_label
from annotator.models import DataSet
from annotator.selectors.codes import LayerCodes
from annotator.services.decision_codes import FaceRows


@dataclass(frozen=True)
class PairFound:
    """Two AUs that a decision would make present together on these faces (positions)."""

    one: int
    other: int
    opposite: bool
    faces: list[int]
    of: int
    """How many faces the decision is on."""

    @property
    def words(self) -> str:
        if self.of == 1:
            said = (
                _("%(one)s and %(other)s are opposites.") if self.opposite else _("%(one)s with %(other)s is rare.")
            )
            return said % {"one": au_label(self.one), "other": au_label(self.other)}
        names = {"one": au_label(self.one), "other": au_label(self.other), "n": len(self.faces)}
        if self.opposite:
            said = ngettext(
                "%(one)s and %(other)s are opposites; %(n)d face would have both.",
                "%(one)s and %(other)s are opposites; %(n)d faces would have both.",
                len(self.faces),
            )
        else:
            said = ngettext(
                "%(one)s with %(other)s is rare; %(n)d face would have both.",
                "%(one)s with %(other)s is rare; %(n)d faces would have both.",
                len(self.faces),
            )
        return said % names


class PairsAsked(CorrugatorError):
    """The decision makes such a pair and nobody has said yet that it is so. Nothing was written: the
    same request with `sure` writes it."""

    status = 422

    def __init__(self, pairs: list[PairFound]) -> None:
        self.pairs = pairs
        self.question = " ".join([*(pair.words for pair in pairs), _("Is it so?")])
        super().__init__(self.question)


def pairs_ask(dataset: DataSet, rows: FaceRows, new: LayerCodes) -> None:
    """Raise PairsAsked where these codes newly make an unusual pair; what a face has already is not asked
    about again."""
    masks = {coded.au: coded.mask for coded in dataset.coded_aus.all()}
    found = []
    for pairs, opposite in ((OPPOSITES, True), (UNLIKELY_PAIRS, False)):
        for one, other in pairs:
            if one not in masks or other not in masks:
                continue
            both = masks[one] | masks[other]
            made = ((new.present & both) == both) & ((rows.old.present & both) != both)
            if made.any():
                found.append(PairFound(one, other, opposite, rows.positions[made].tolist(), len(rows.ids)))
    if found:
        raise PairsAsked(found)
