"""Writing data sets: creation, AU lists, protocols, revisions, the withdrawal of a subject."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _

from annotator.choices import Coding, Laterality, Role
from annotator.errors import InputRefused
from annotator.facs import ACTION_UNITS
from annotator.masks import BITS
from annotator.models import AuditEntry, CodedAU, DataSet, Member, Protocol


def dataset_create(*, name: str, user: User, description: str = "", aus: list[int] | None = None) -> DataSet:
    """A new data set with its first protocol; the user becomes its admin."""
    name = name.strip()
    if not name:
        raise InputRefused(_("A data set needs a name."))
    if len(name) > 120:
        raise InputRefused(_("The name is longer than 120 characters."))
    if name.isdigit():
        raise InputRefused(_("A name of digits alone would look like an id: add a word."))
    try:
        with transaction.atomic():
            dataset = DataSet.objects.create(name=name, description=description.strip(), created_by=user)
            Protocol.objects.create(dataset=dataset, version=1, created_by=user)
            Member.objects.create(dataset=dataset, user=user, role=Role.ADMIN)
            audit(dataset, user, "dataset created", name=name)
            if aus:
                coded_aus_ensure(dataset=dataset, aus=aus)
    except IntegrityError:
        raise InputRefused(_("There is a data set called “%(name)s” already.") % {"name": name}) from None
    return dataset


def revision_raise(dataset: DataSet) -> int:
    """Count one more write and return the new revision; call it inside the write's transaction."""
    DataSet.objects.filter(pk=dataset.pk).update(revision=F("revision") + 1)
    dataset.refresh_from_db(fields=["revision"])
    return dataset.revision


def coded_aus_ensure(*, dataset: DataSet, aus: list[int]) -> dict[int, CodedAU]:
    """The data set's AU list with at least these AUs; new ones get the next free bits, for ever.

    Raises InputRefused for an unknown AU or when a 64th would be needed.
    """
    with transaction.atomic():
        DataSet.objects.select_for_update().get(pk=dataset.pk)
        have = {coded.au: coded for coded in dataset.coded_aus.all()}
        new = sorted(set(aus) - set(have))
        if unknown := [au for au in new if au not in ACTION_UNITS]:
            raise InputRefused(_("There is no AU%(unknown)s in FACS.") % {"unknown": unknown[0]})
        if len(have) + len(new) > BITS:
            raise InputRefused(
                _("A data set holds %(most)s AUs at most; this would make %(new)s.")
                % {"most": BITS, "new": len(have) + len(new)}
            )
        for bit, au in enumerate(new, start=len(have)):
            have[au] = CodedAU.objects.create(dataset=dataset, au=au, bit=bit, place=au)
        hidden = dataset.coded_aus.filter(au__in=aus, hidden=True)
        if new or hidden.exists():
            hidden.update(hidden=False)
            revision_raise(dataset)
    return {coded.au: coded for coded in dataset.coded_aus.all()}


def coded_au_hide(*, dataset: DataSet, au: int, user: User) -> None:
    """Take an AU off the list; its bit and codes stay."""
    with transaction.atomic():
        if not dataset.coded_aus.filter(au=au).update(hidden=True):
            raise InputRefused(_("AU%(au)s is not on the list.") % {"au": au})
        revision_raise(dataset)
        audit(dataset, user, "AU hidden", au=au)


def protocol_change(*, dataset: DataSet, user: User, note: str = "", **changes: Any) -> Protocol:
    """A new version of the protocol with these changes (coding, present_from, laterality,
    coders_per_item); the older versions stay."""
    with transaction.atomic():
        DataSet.objects.select_for_update().get(pk=dataset.pk)
        last = dataset.protocols.latest("version")
        values = {
            "coding": last.coding,
            "present_from": last.present_from,
            "laterality": last.laterality,
            "coders_per_item": last.coders_per_item,
            **changes,
        }
        if values["coding"] not in Coding or values["laterality"] not in Laterality:
            raise InputRefused(_("The protocol's coding or laterality is unknown."))
        if values["present_from"] not in range(1, 6) or values["coders_per_item"] not in (1, 2):
            raise InputRefused(_("Present counts from A (1) to E (5), and an item has one or two coders."))
        version = (dataset.protocols.aggregate(Max("version"))["version__max"] or 0) + 1
        protocol = Protocol.objects.create(dataset=dataset, version=version, note=note, created_by=user, **values)
        revision_raise(dataset)
        audit(dataset, user, "protocol changed", version=version, **changes)
    return protocol


def audit(dataset: DataSet | None, user: User | None, action: str, **detail: Any) -> None:
    """Note in the audit trail who did what; `detail` must be JSON."""
    AuditEntry.objects.create(dataset=dataset, user=user, action=action, detail=detail)
