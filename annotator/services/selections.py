"""Keeping choices of faces that are too long for an address."""

import hashlib

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import InputRefused
from annotator.models import DataSet, Selection
from annotator.selectors.positions import SELECTION_MOST, positions_pack, positions_write
from annotator.selectors.scopes import Scope

ADDRESS_ROOM = 1_500
"""A selection written longer than this is kept in a row: servers cut addresses of 4,000 signs."""
WRITTEN_MOST = 2_000
"""No choice of so many faces is tried in writing, unless it is one row of neighbours."""
SELECTIONS_KEPT = 50
"""Of one person in one data set; the oldest go first."""


def selection_keep(*, dataset: DataSet, user: User, positions: NDArray[np.int64]) -> Selection:
    """Keep ascending positions as the user's selection; the same choice gives the same row. InputRefused
    for none, too many, or positions that the data set never gave."""
    if not len(positions):
        raise InputRefused(_("Choose at least one face."))
    if len(positions) > SELECTION_MOST:
        raise InputRefused(_("A selection holds at most %(most)s faces.") % {"most": f"{SELECTION_MOST:,}"})
    if positions[0] < 0 or positions[-1] >= dataset.next_position:
        raise InputRefused(_("There is no face at such a position."))
    sha256 = hashlib.sha256(positions.astype("<u4").tobytes()).hexdigest()
    mine = Selection.objects.filter(dataset=dataset, user=user)
    kept = mine.filter(sha256=sha256).first()
    if kept is not None:
        mine.filter(pk=kept.pk).update(created_at=timezone.now())
        return kept
    try:
        with transaction.atomic():
            kept = Selection.objects.create(
                dataset=dataset, user=user, positions=positions_pack(positions), size=len(positions), sha256=sha256
            )
    except IntegrityError:  # the same choice at the same moment, from another request
        return mine.get(sha256=sha256)
    older = mine.order_by("-created_at", "-pk").values_list("pk", flat=True)[SELECTIONS_KEPT : 2 * SELECTIONS_KEPT]
    Selection.objects.filter(pk__in=list(older)).delete()
    return kept


def selection_scope(*, dataset: DataSet, user: User, positions: NDArray[np.int64]) -> Scope:
    """The scope of chosen faces, ascending: in writing where that is short, else kept."""
    if len(positions) <= WRITTEN_MOST or positions[-1] - positions[0] + 1 == len(positions):
        notation = positions_write(positions.tolist())
        if len(notation) <= ADDRESS_ROOM:
            return Scope(faces=notation)
    return Scope(selection=selection_keep(dataset=dataset, user=user, positions=positions))
