"""Every status and kind that is stored, in the words of the field."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What a member may do in a data set."""

    ADMIN = "admin", _("Admin")
    ADJUDICATOR = "adjudicator", _("Adjudicator")
    CODER = "coder", _("Coder")
    ANALYST = "analyst", _("Analyst")


class FaceRole(TextChoices):
    """What a face's reference labels may be used for; test faces are for reporting only."""

    NONE = "none", _("None")
    TRAIN = "train", _("Train")
    TEST = "test", _("Test")


class LayerKind(TextChoices):
    REFERENCE = "reference", _("Reference")
    WEAK = "weak", _("Weak")
    PROPOSAL = "proposal", _("Proposal")
    PREDICTION = "prediction", _("Prediction")
    CODER = "coder", _("Coder")
    CONSENSUS = "consensus", _("Consensus")


class Coding(TextChoices):
    OCCURRENCE = "occurrence", _("Occurrence")
    INTENSITY = "intensity", _("Intensity")


class Laterality(TextChoices):
    NONE = "none", _("One code for both sides")
    SIDES = "sides", _("Left and right")


class Intensity(IntegerChoices):
    """The code of one side of one AU, as packed in a label row."""

    NONE = 0, _("None")
    A = 1, _("A trace")
    B = 2, _("B slight")
    C = 3, _("C pronounced")
    D = 4, _("D severe")
    E = 5, _("E maximum")
    UNGRADED = 6, _("Present, not graded")
    NOT_SCORED = 15, _("Not scored")


class Side(TextChoices):
    """The subject's own side or sides that a code or an event is about."""

    BOTH = "both", _("Both sides")
    LEFT = "left", _("Left")
    RIGHT = "right", _("Right")


class Mode(TextChoices):
    """Whether the coder saw weak codes and proposals while deciding."""

    ASSISTED = "assisted", _("Assisted")
    BLIND = "blind", _("Blind")


class AssignmentState(TextChoices):
    OPEN = "open", _("Open")
    DONE = "done", _("Done")
    RELEASED = "released", _("Released")


class DecisionKind(TextChoices):
    CONFIRM = "confirm", _("Confirmed")
    RELABEL = "relabel", _("Relabelled")
    UNSCORABLE = "unscorable", _("Unscorable")
    NOISE = "noise", _("Set apart as noise")
    RESTORE = "restore", _("Restored")
    EVENT = "event", _("Event marked")
    UNDO = "undo", _("Undone")


class Hidden(IntegerChoices):
    """Why an AU can't be scored: the visibility codes of FACS."""

    BROWS = 70, _("Brows not visible")
    EYES = 71, _("Eyes not visible")
    LOWER_FACE = 72, _("Lower face not visible")
    FACE = 73, _("Entire face not visible")
    UNSCORABLE = 74, _("Unscorable")


class ProjectionMethod(TextChoices):
    UMAP = "umap", _("UMAP")
    PCA = "pca", _("PCA")


class Scope(TextChoices):
    FACE = "face", _("One face")
    SELECTION = "selection", _("Selection")
    CLUSTER = "cluster", _("Cluster")
    AUDIT = "audit", _("Audit sample")


class JobState(TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    CANCELLING = "cancelling", _("Cancelling")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


ACTIVE_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)


class ExportShape(TextChoices):
    WIDE = "wide", _("Wide: one row a face")
    LONG = "long", _("Long: one row a label")
    EVENTS = "events", _("Events: one row an event")
