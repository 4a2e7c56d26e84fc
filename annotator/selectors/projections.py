"""Feature sets laid out on a plane: which there are, and which the map shows."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.choices import ACTIVE_STATES, JobState, ProjectionMethod
from annotator.errors import NotFound
from annotator.models import DataSet, FeatureSet, Job, Projection
from annotator.numbers import whole_number

UMAP_MOST = 100_000
"""Up to this many faces a map is made by UMAP unless told: two minutes of a core. Its time grows with the faces."""
UMAP_FEWEST = 100
"""Of fewer faces PCA, whose two axes say something by themselves, is the default."""


def method_default(faces: int) -> ProjectionMethod:
    """How a map of so many faces is made where nobody says how."""
    return ProjectionMethod.UMAP if UMAP_FEWEST <= faces <= UMAP_MOST else ProjectionMethod.PCA


def projections_of(dataset: DataSet) -> QuerySet[Projection]:
    """The data set's projections, newest first, with their coordinates' rows."""
    found = Projection.objects.filter(dataset=dataset).select_related("coordinates", "feature_set")
    return found.order_by("-pk")


def projection_for(dataset: DataSet, number: str = "") -> Projection | None:
    """The projection of this id, the newest without one; None where there is none yet. NotFound for an id
    that the data set doesn't have."""
    found = projections_of(dataset)
    if not number:
        return found.first()
    projection = found.filter(pk=whole_number(number) or 0).first()
    if projection is None:
        raise NotFound(_("There is no such map in this data set."))
    return projection


def projection_made(feature_set: FeatureSet, method: str) -> Projection | None:
    """The plane that was made of this feature set by this method, if one was."""
    return projections_of(feature_set.dataset).filter(feature_set=feature_set, method=method).first()


def projection_jobs(dataset: DataSet) -> list[Job]:
    """The jobs that make a map now, or the last one where it ended without one."""
    jobs = Job.objects.filter(dataset=dataset, kind="projection").order_by("-pk").defer("log", "curves", "checkpoint")
    active = list(jobs.filter(state__in=ACTIVE_STATES))
    return active or [job for job in jobs[:1] if job.state != JobState.DONE]
