"""What to do next in a data set: import, features, clusters, adoption, review, training, promotion, export."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from annotator.choices import Role
from annotator.models import Assignment, DataSet, Member
from annotator.selectors.access import EXPORT, MANAGE, REVIEW
from annotator.selectors.datasets import clusters_count
from annotator.selectors.jobs import job_address, job_title, jobs_active


@dataclass(frozen=True)
class NextStep:
    """One thing to do, in words, and where; without an address somebody else has to do it."""

    title: str
    text: str
    url: str = ""
    label: str = ""
    also: tuple[str, str] | None = None
    """(address, label) of what may be done as well."""


STEPS: dict[str, tuple[str, frozenset[Role]]] = {
    "import": ("import_create", MANAGE),
    "features": ("run_list", MANAGE),
    "cluster": ("run_list", MANAGE),
    "adopt": ("run_list", MANAGE),
    "review": ("review_queue", REVIEW),
    "train": ("detector_create", MANAGE),
    "promote": ("detector_list", MANAGE),
    "export": ("export_list", EXPORT),
}
"""For each step: the name of the page to take it on, and the roles that may."""
ENOUGH = 0.5
"""Share of the clusters that are reviewed from which on a training is worth its time."""


def step_due(dataset: DataSet) -> str:
    """The name of the first step of the way that has not been taken."""
    return _standing(dataset)[0]


def _standing(dataset: DataSet) -> tuple[str, float]:
    """The step that is due, and the share of the adopted clusters that is reviewed."""
    if not dataset.faces.exists():
        return "import", 0.0
    if not dataset.runs.filter(finished_at__isnull=False).exists():
        return ("cluster" if dataset.feature_sets.exists() else "features"), 0.0
    if not dataset.runs.filter(adopted_at__isnull=False).exists():
        return "adopt", 0.0
    total, done = clusters_count(dataset)
    return ("review", done / total) if done < total else (_step_after_review(dataset), 1.0)


def _step_after_review(dataset: DataSet) -> str:
    """Training and promotion, once for each round: a round begins when a run is adopted."""
    adopted = dataset.runs.filter(adopted_at__isnull=False).latest("adopted_at").adopted_at
    # Detectors that are made along with a feature set are no step of the way.
    trained = dataset.detectors.filter(created_at__gt=adopted).exclude(job__kind="features")
    if not trained.exists():
        return "train"
    return "export" if trained.filter(promoted_at__isnull=False).exists() else "promote"


def next_step(dataset: DataSet, member: Member) -> NextStep:
    """The step that is due, with a link where the member may take it; a job at work comes first."""
    due, reviewed = _standing(dataset)
    manages = Role(member.role) in MANAGE
    if due in ("train", "promote") and not manages:
        due = "export"  # the admins' steps hold nobody else up
    if due != "review":
        job = jobs_active(dataset).first()
        if job is not None:
            return NextStep(
                _("At work: %(job)s") % {"job": job_title(job)},
                _("The next step opens when it is done. You may leave; it goes on."),
                job_address(job, member),
                _("Watch it"),
            )
    title, text, label = _words(due)
    if due == "review" and not Assignment.objects.filter(dataset=dataset, coder=member.user_id).exists():
        label = _("Start reviewing")
    url_name, allowed = STEPS[due]
    if Role(member.role) not in allowed:
        waits = _("This is for the admins of the data set.") if allowed == MANAGE else ""
        waits = waits or _("This is for the coders; you can look at the runs and export meanwhile.")
        return NextStep(title, f"{text} {waits}")
    try:
        also = _also(dataset, due, reviewed) if manages else None
        return NextStep(title, text, reverse(url_name, args=[dataset.pk]), label, also)
    except NoReverseMatch:
        return NextStep(title, text)


def _also(dataset: DataSet, due: str, reviewed: float) -> tuple[str, str] | None:
    """What an admin may do beside the step that is due."""
    if due in ("train", "promote"):
        return reverse("export_list", args=[dataset.pk]), _("Export")
    if due not in ("review", "export"):
        return None
    after = _step_after_review(dataset)
    if after == "export":
        promoted = dataset.detectors.exclude(promoted_at=None).latest("promoted_at")
        return reverse("detector_detail", args=[dataset.pk, promoted.pk]), _("Next round")
    if after == "promote":
        return reverse("detector_list", args=[dataset.pk]), _("Look at the detectors")
    return (reverse("detector_create", args=[dataset.pk]), _("Train a detector")) if reviewed >= ENOUGH else None


def _words(step: str) -> tuple[str, str, str]:
    """Title, text and label of the button."""
    return {
        "import": (
            _("Bring in faces and their labels"),
            _("A folder or ZIP of pictures and a CSV with one row a face: the AU columns are found for you."),
            _("Import"),
        ),
        "features": (
            _("Describe the faces by features"),
            _("Clustering groups faces by what a network sees in them; that is computed once."),
            _("Extract features"),
        ),
        "cluster": (
            _("Group the faces"),
            _("Faces that look alike and carry alike labels form clusters, each with a proposed code."),
            _("Start a clustering run"),
        ),
        "adopt": (
            _("Adopt a run's proposals"),
            _("Look at the finished run; adopting it puts its clusters before the coders."),
            _("Look at the runs"),
        ),
        "review": (
            _("Review the clusters"),
            _("Confirm or correct whole groups; the ones that change most come first."),
            _("Go on reviewing"),
        ),
        "train": (
            _("Train a detector"),
            _("Every adopted cluster is reviewed: a detector can learn from it, and begin the next round."),
            _("Train a detector"),
        ),
        "promote": (
            _("Promote a detector"),
            _("Look at its report; promoted, its predictions and features begin the next round."),
            _("Look at the detectors"),
        ),
        "export": (
            _("Export the clean labels"),
            _("Every adopted cluster is reviewed. The CSV names the source of each code."),
            _("Export"),
        ),
    }[step]
