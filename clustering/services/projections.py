"""Asking for a map of the faces; the work itself is in projecting.py."""

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.choices import ProjectionMethod
from annotator.errors import InputRefused
from annotator.models import DataSet, FeatureSet, Job, Projection
from annotator.selectors.projections import method_default, projection_made
from annotator.services.datasets import audit
from annotator.services.jobs import job_create
from clustering.selectors.inputs import features_default


def projection_create(
    *,
    dataset: DataSet,
    user: User,
    method: str = "",
    feature_set: FeatureSet | None = None,
    seed: int = 0,
) -> tuple[Projection | None, Job | None]:
    """The map of a feature set: the one made already, or else the job, not yet sent, that makes it.

    Defaults: the feature set that a run would take, and a method by the number of faces. A double click gives
    the job at work. Raises InputRefused without features, or for a method that isn't one.
    """
    if method and method not in ProjectionMethod.values:
        raise InputRefused(
            _("A map is made by %(known)s, not “%(method)s”.")
            % {"known": " or ".join(ProjectionMethod.values), "method": method}
        )
    feature_set = feature_set or features_default(dataset)
    if feature_set is None:
        raise InputRefused(_("There is no feature set yet: extract features first."))
    chosen = method or str(method_default(dataset.faces.count()))
    made = projection_made(feature_set, chosen)
    if made is not None:
        return made, None
    job, new = job_create(
        dataset=dataset,
        kind="projection",
        target=f"{feature_set.pk} {chosen}",
        params={"feature_set": feature_set.pk, "method": chosen, "seed": seed},
        user=user,
    )
    if new:
        audit(dataset, user, "map asked for", feature_set=feature_set.pk, method=chosen)
    return None, job
