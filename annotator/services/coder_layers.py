"""Each person's codes are one layer; its row is the lock that puts that person's own writes in order."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotator.choices import LayerKind
from annotator.errors import Conflict
from annotator.models import DataSet, Decision, LabelLayer


def layer_lock(dataset: DataSet, user: User) -> LabelLayer:
    """The user's own layer, made on first use and locked until the transaction ends."""
    names = [f"coder {user.get_username()}"[:120], f"coder {user.get_username()[:80]} ({user.pk})"]
    layer = LabelLayer.objects.filter(dataset=dataset, user=user).first()
    for name in names:
        if layer is None:
            try:
                with transaction.atomic():
                    layer = LabelLayer.objects.create(dataset=dataset, kind=LayerKind.CODER, user=user, name=name)
            except IntegrityError:  # made at this moment by another request, or the name is taken
                layer = LabelLayer.objects.filter(dataset=dataset, user=user).first()
    if layer is None:
        raise Conflict(_("The layer for your codes can't be made: its name is taken."))
    return LabelLayer.objects.select_for_update().get(pk=layer.pk)


def same_dataset(decision: Decision, dataset: DataSet) -> Decision:
    """The decision that this client id made before, if it was in this data set; Conflict otherwise."""
    if decision.dataset_id != dataset.pk:
        raise Conflict(_("This request's id was used in another data set already."))
    return decision
