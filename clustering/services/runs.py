"""Asking for a clustering run and adopting one; the work itself is in running.py."""

from functools import partial
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.choices import LayerKind
from annotator.errors import Conflict, InputRefused
from annotator.masks import NOT_SCORED, codes_pack
from annotator.models import ClusterRun, DataSet, FeatureSet, Job, Label, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import coded_aus
from annotator.selectors.columns import columns_keep
from annotator.services.datasets import audit, revision_raise
from annotator.services.jobs import job_create
from annotator.services.labels import labels_write
from clustering.algorithms.settings import WSCSettings
from clustering.selectors.inputs import features_default, weak_default

CHUNK = 5_000


def run_create(
    *,
    dataset: DataSet,
    user: User,
    aus: list[int] | None = None,
    configuration: dict[str, Any] | None = None,
    feature_set: FeatureSet | None = None,
    weak_layer: LabelLayer | None = None,
    seed: int = 0,
) -> tuple[ClusterRun, Job]:
    """A run that waits for its job to be sent or run; the one at work already, if there is one.

    Defaults: all AUs on the list; features and predictions of the promoted detector, where they speak of all
    faces and these AUs, else the newest feature set and the weak layer with codes for most faces (see
    `features_default`, `weak_default`). Raises InputRefused, naming what is missing or which setting can't be.
    """
    listed = [coded.au for coded in coded_aus(dataset)]
    if unknown := [au for au in aus or [] if au not in listed]:
        raise InputRefused(_("AU%(unknown)s is not on the data set's list.") % {"unknown": unknown[0]})
    wanted = [au for au in listed if not aus or au in aus]
    if not wanted:
        raise InputRefused(_("The data set has no AUs yet: import labels first."))
    feature_set = feature_set or features_default(dataset)
    if feature_set is None:
        raise InputRefused(_("There is no feature set yet: extract features first."))
    weak_layer = weak_layer or weak_default(dataset, wanted)
    if weak_layer is None:
        raise InputRefused(_("There are no weak labels yet: import a file of them first."))
    try:
        settings = WSCSettings(**(configuration or {}))
    except (TypeError, ValueError) as error:
        raise InputRefused(str(error)) from error
    with transaction.atomic():
        run = ClusterRun.objects.create(
            dataset=dataset,
            aus=wanted,
            feature_set=feature_set,
            weak_layer=weak_layer,
            protocol=dataset.protocols.latest("version"),
            revision=dataset.revision,
            configuration=settings.as_dict(),
            seed=seed,
            created_by=user,
        )
        job, new = job_create(dataset=dataset, kind="clustering", target="run", params={"run": run.pk}, user=user)
        if not new:
            # A double click: leave no second run behind.
            run.delete()
            active = ClusterRun.objects.get(pk=job.params["run"])
            if (active.aus, active.configuration) != (run.aus, run.configuration):
                raise Conflict(
                    _("Run %(run)s with other settings is at work: wait for its end, or cancel it.")
                    % {"run": active.pk}
                )
            return active, job
        run.job = job
        run.save(update_fields=["job"])
        audit(dataset, user, "clustering started", run=run.pk, aus=wanted)
    return run, job


def run_adopt(*, run: ClusterRun, user: User) -> LabelLayer:
    """Write the run's proposals for its AUs into the data set's one proposal layer, and mark its
    noise group there. Another run's adoption for the same AUs is thereby over."""
    if run.finished_at is None or run.proposals is None or run.membership is None:
        raise Conflict(_("This run has not finished, so there is nothing to adopt."))
    dataset = run.dataset
    with transaction.atomic():
        DataSet.objects.select_for_update().get(pk=dataset.pk)
        layer, _new = LabelLayer.objects.get_or_create(
            dataset=dataset, kind=LayerKind.PROPOSAL, defaults={"name": "proposal"}
        )
        _proposals_write(run, layer)
        for other in dataset.runs.exclude(pk=run.pk).exclude(adopted_at=None):
            other.adopted_aus = [au for au in other.adopted_aus if au not in run.aus]
            other.save(update_fields=["adopted_aus"])
        run.adopted_at, run.adopted_by, run.adopted_aus = timezone.now(), user, run.aus
        run.save(update_fields=["adopted_at", "adopted_by", "adopted_aus"])
        revision_raise(dataset)
        audit(dataset, user, "run adopted", run=run.pk, aus=run.aus)
        transaction.on_commit(partial(columns_keep, dataset.pk))
    return layer


def _proposals_write(run: ClusterRun, layer: LabelLayer) -> None:
    assert run.proposals is not None and run.membership is not None
    dataset = run.dataset
    codes, membership = array_read(run.proposals, check=True), array_read(run.membership, check=True)
    bit_of = {coded.au: coded.bit for coded in dataset.coded_aus.all()}
    bits = [bit_of[au] for au in run.aus]
    mask = sum(1 << bit for bit in bits)
    # All faces, those that came after the run too: of them it proposes nothing, nor must an earlier run.
    rows = list(dataset.faces.order_by("position").values_list("id", "position"))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        ids, positions = [row[0] for row in part], np.array([row[1] for row in part])
        present, scored, unscorable = codes_pack(values_at(codes, positions, NOT_SCORED), bits)
        labels_write(
            layer=layer,
            face_ids=ids,
            present=present,
            scored=scored,
            unscorable=unscorable,
            merge_mask=mask,
        )
        noise = (values_at(membership, positions, -1) == 0).all(axis=1)
        apart = [face_id for face_id, is_noise in zip(ids, noise, strict=True) if is_noise]
        mine = Label.objects.filter(layer=layer, face_id__among=ids)
        mine.filter(noise=True).exclude(face_id__among=apart).update(noise=False)
        mine.filter(face_id__among=apart).update(noise=True)
