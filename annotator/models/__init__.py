"""The rows that every part of Corrugator shares."""

from annotator.models.accounts import AuditEntry, Invitation, KeyMap, LoginLink, Member
from annotator.models.datasets import Clip, CodedAU, DataSet, Face, Protocol, Subject, Withdrawal
from annotator.models.jobs import Job
from annotator.models.labels import Event, Label, LabelLayer
from annotator.models.lookups import Among
from annotator.models.machine import (
    ArrayFile,
    Cluster,
    ClusterRun,
    Detector,
    DetectorSight,
    FaceAttribution,
    FeatureSet,
    LabelSnapshot,
    Projection,
    SplitFace,
)
from annotator.models.review import Assignment, AssignmentFace, Decision, DecisionEvent, DecisionFace, Selection
from annotator.models.transfer import Export, ImportBatch, ImportRow

__all__ = [
    "Among",
    "ArrayFile",
    "Assignment",
    "AssignmentFace",
    "AuditEntry",
    "Clip",
    "Cluster",
    "ClusterRun",
    "CodedAU",
    "DataSet",
    "Decision",
    "DecisionEvent",
    "DecisionFace",
    "Detector",
    "DetectorSight",
    "Event",
    "Export",
    "Face",
    "FaceAttribution",
    "FeatureSet",
    "ImportBatch",
    "ImportRow",
    "Invitation",
    "Job",
    "KeyMap",
    "Label",
    "LabelLayer",
    "LabelSnapshot",
    "LoginLink",
    "Member",
    "Projection",
    "Protocol",
    "Selection",
    "SplitFace",
    "Subject",
    "Withdrawal",
]
