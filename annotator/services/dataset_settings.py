"""Changing a data set's own settings: name, description, what counts, how long it is kept, AU list."""

from datetime import date

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.models import DataSet
from annotator.services.datasets import audit, coded_au_hide, coded_aus_ensure, revision_raise


def dataset_change(
    *,
    dataset: DataSet,
    user: User,
    name: str,
    description: str,
    accept_proposals: bool,
    retention_until: date | None,
) -> DataSet:
    """Save these settings; what changed goes to the audit trail. Raises InputRefused for a name in use,
    an empty one, or one of digits alone."""
    name = name.strip()
    if not name or name.isdigit():
        raise InputRefused(_("A data set needs a name, and one that isn't digits alone."))
    wanted: dict[str, str | bool | date | None] = {
        "name": name,
        "description": description.strip(),
        "accept_proposals": accept_proposals,
        "retention_until": retention_until,
    }
    try:
        with transaction.atomic():
            dataset = DataSet.objects.select_for_update().get(pk=dataset.pk)
            changed = {key: value for key, value in wanted.items() if getattr(dataset, key) != value}
            if not changed:
                return dataset
            for key, value in changed.items():
                setattr(dataset, key, value)
            dataset.save(update_fields=list(changed))
            revision_raise(dataset)
            audit(dataset, user, "settings changed", **{key: _plain(value) for key, value in changed.items()})
    except IntegrityError:
        raise InputRefused(_("There is a data set called “%(name)s” already.") % {"name": name}) from None
    return dataset


def au_list_change(*, dataset: DataSet, user: User, aus: list[int]) -> None:
    """Make these AUs the list: new ones are added, the others are hidden; bits and codes stay."""
    with transaction.atomic():
        shown = set(dataset.coded_aus.filter(hidden=False).values_list("au", flat=True))
        added, hidden = sorted(set(aus) - shown), sorted(shown - set(aus))
        if added:
            coded_aus_ensure(dataset=dataset, aus=added)
            audit(dataset, user, "AUs added", aus=added)
        for au in hidden:
            coded_au_hide(dataset=dataset, au=au, user=user)


def _plain(value: str | bool | date | None) -> str | bool | None:
    """The value as JSON takes it."""
    return value.isoformat() if isinstance(value, date) else value
