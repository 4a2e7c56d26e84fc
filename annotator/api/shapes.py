"""The shapes of what the API answers, for rendering and for its schema."""

from typing import Any

from rest_framework import serializers

from annotator.api.paging import PageSerializer
from annotator.choices import DecisionKind, ExportShape, Hidden, JobState, Scope
from annotator.models import ClusterRun, Decision, DecisionEvent, Export, Job, LabelLayer
from annotator.selectors.listings import SIDE_WORDS

Row = dict[str, Any]
MOST_FACES = 100_000
SIDE_LEVELS = list(SIDE_WORDS.values())
"""Words for the level of one side: none, A to E, ungraded."""


class ProblemSerializer(serializers.Serializer[Row]):
    detail = serializers.CharField(help_text="What is wrong, in words for people.")


class ProtocolSerializer(serializers.Serializer[Row]):
    version = serializers.IntegerField()
    coding = serializers.CharField()
    present_from = serializers.IntegerField(help_text="1 to 5 for A to E.")
    laterality = serializers.CharField()
    coders_per_item = serializers.IntegerField()


class DataSetSerializer(serializers.Serializer[Row]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    revision = serializers.IntegerField(help_text="Raised by every write.")
    role = serializers.CharField(help_text="Your role in this data set.")
    aus = serializers.ListField(child=serializers.IntegerField())


class DataSetDetailSerializer(DataSetSerializer):
    faces = serializers.IntegerField()
    protocol = ProtocolSerializer()
    accept_proposals = serializers.BooleanField()
    blind = serializers.BooleanField(help_text="You have a blind assignment open: only your own codes are shown.")


class FaceSerializer(serializers.Serializer[Row]):
    id = serializers.IntegerField()
    position = serializers.IntegerField(help_text="The row of this face in every array of the data set.")
    image = serializers.CharField(allow_null=True, help_text="Null in a blind assignment.")
    subject = serializers.CharField(allow_null=True)
    clip = serializers.CharField(allow_null=True)
    frame = serializers.IntegerField(allow_null=True)
    time_s = serializers.FloatField(allow_null=True)
    role = serializers.CharField(allow_null=True, help_text="train, test or none; null for coders.")
    split = serializers.CharField(allow_null=True, help_text="Null for coders.")
    emotion = serializers.CharField(allow_null=True, help_text="Null in a blind assignment.")


class FacePageSerializer(PageSerializer):
    results = FaceSerializer(many=True)


class LayerSerializer(serializers.ModelSerializer[LabelLayer]):
    coder = serializers.CharField(source="user.username", default=None, allow_null=True)

    class Meta:
        model = LabelLayer
        fields = ["id", "kind", "name", "coder", "detector"]


class LabelSerializer(serializers.Serializer[Row]):
    face = serializers.IntegerField()
    position = serializers.IntegerField()
    codes = serializers.DictField(
        child=serializers.CharField(),
        help_text="By AU: present, absent or unscorable. An AU that isn't here was not scored.",
    )
    intensities = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(allow_null=True)),
        help_text="By AU and the subject's own left and right: none, A to E, ungraded, or null for not scored.",
    )
    noise = serializers.BooleanField(help_text="This layer sets the face apart.")


class LabelPageSerializer(PageSerializer):
    results = LabelSerializer(many=True)


class RunSerializer(serializers.ModelSerializer[ClusterRun]):
    class Meta:
        model = ClusterRun
        fields = [
            "id",
            "aus",
            "partitions",
            "revision",
            "feature_set",
            "weak_layer",
            "configuration",
            "seed",
            "summary",
            "adopted_aus",
            "created_at",
            "finished_at",
            "adopted_at",
        ]


class ClusterSerializer(serializers.Serializer[Row]):
    id = serializers.IntegerField()
    run = serializers.IntegerField()
    partition = serializers.IntegerField()
    number = serializers.IntegerField()
    noise_group = serializers.BooleanField()
    aus = serializers.ListField(child=serializers.IntegerField())
    size = serializers.IntegerField()
    votes = serializers.DictField(help_text="By AU number: share, weak_share and agreement.")
    agreement = serializers.FloatField()
    expected_corrections = serializers.FloatField()
    split_from = serializers.IntegerField(
        allow_null=True, help_text="The id of the cluster that a reviewer split it off from."
    )


class ClusterPageSerializer(PageSerializer):
    results = ClusterSerializer(many=True)


class JobSerializer(serializers.ModelSerializer[Job]):
    state = serializers.ChoiceField(choices=JobState.choices)

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "state",
            "fraction",
            "message",
            "counts",
            "result",
            "error",
            "attempts",
            "created_at",
            "started_at",
            "finished_at",
        ]


class ExportOrderSerializer(serializers.Serializer[Row]):
    """What an export is asked for."""

    shape = serializers.ChoiceField(choices=ExportShape.choices, default=ExportShape.WIDE)
    preset = serializers.CharField(default="standard")
    accept_proposals = serializers.BooleanField(
        default=False, help_text="Whether unreviewed proposals count before weak labels."
    )


class ExportSerializer(serializers.ModelSerializer[Export]):
    state = serializers.CharField(source="job.state", default=None, allow_null=True)
    csv = serializers.CharField(allow_null=True, help_text="Where the file is downloaded, once it is there.")
    dictionary = serializers.CharField(allow_null=True)

    class Meta:
        model = Export
        fields = [
            "id",
            "shape",
            "preset",
            "accept_proposals",
            "revision",
            "protocol_version",
            "rows",
            "size",
            "sha256",
            "created_at",
            "finished_at",
            "job",
            "state",
            "csv",
            "dictionary",
        ]


class DecisionOrderSerializer(serializers.Serializer[Row]):
    """A decision to record. Faces are named by position, AUs by number."""

    client_id = serializers.UUIDField(help_text="Made by you; a repeated request with it does nothing twice.")
    kind = serializers.ChoiceField(
        choices=[kind for kind in DecisionKind.choices if kind[0] not in ("undo", "event")]
    )
    aus = serializers.ListField(child=serializers.IntegerField(), max_length=63, default=list)
    faces = serializers.ListField(child=serializers.IntegerField(min_value=0), max_length=MOST_FACES)
    code = serializers.ChoiceField(
        choices=["present", "absent", "other"],
        required=False,
        help_text="For a relabelling; `other` is the opposite of your own code, else of the proposal.",
    )
    codes = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=1),
        required=False,
        help_text="For a relabelling in the place of `code`: 1 or 0 by position.",
    )
    sides = serializers.DictField(
        child=serializers.ChoiceField(choices=SIDE_LEVELS),
        required=False,
        help_text="For a relabelling of one AU in the place of `code`: the intensity on the subject's own `left` and "
        "`right`. Whether the AU is present follows from the protocol's threshold. A side left out stays as it is.",
    )
    hidden = serializers.ChoiceField(
        choices=Hidden.choices, required=False, help_text="Why an AU is unscorable; 74 where nothing is said."
    )
    sure = serializers.BooleanField(
        default=False,
        help_text="The answer to 422: two AUs that exclude each other or seldom go together are both present.",
    )
    scope = serializers.ChoiceField(choices=Scope.choices, required=False)
    assignment = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="One of yours; it says whether you code blind, and a confirmation takes its cluster's proposals.",
    )
    cluster = serializers.IntegerField(required=False, allow_null=True, help_text="Not in a blind assignment.")
    in_view = serializers.ListField(child=serializers.IntegerField(min_value=0), max_length=MOST_FACES, default=list)
    unsure = serializers.BooleanField(default=False)
    note = serializers.CharField(default="", allow_blank=True, max_length=2_000)
    expected = serializers.DictField(
        child=serializers.CharField(max_length=80),
        required=False,
        help_text="By position, your own codes as you saw them: a letter for each AU (p present, a absent, "
        "u unscorable, - not scored) and ! for noise. What differs is answered with 409.",
    )
    protocol_version = serializers.IntegerField(required=False, allow_null=True)


class UndoOrderSerializer(serializers.Serializer[Row]):
    client_id = serializers.UUIDField()
    decision = serializers.IntegerField(
        required=False, allow_null=True, help_text="One of your own; without it, your latest that stands."
    )


class DecisionEventSerializer(serializers.ModelSerializer[DecisionEvent]):
    class Meta:
        model = DecisionEvent
        fields = ["clip", "au", "event_id", "old", "new"]


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    event = DecisionEventSerializer(
        default=None, allow_null=True, help_text="Of a decision on an event: what it was and what it became."
    )
    faces = serializers.IntegerField(source="faces.count", help_text="How many faces it changed or confirmed.")
    left = serializers.ListField(
        child=serializers.IntegerField(),
        default=list,
        help_text="Of an undo: positions left alone, because they were changed since.",
    )

    class Meta:
        model = Decision
        fields = [
            "id",
            "client_id",
            "kind",
            "mode",
            "scope",
            "hidden",
            "event",
            "faces",
            "undoes",
            "left",
            "revision",
            "created_at",
        ]


class StaleFaceSerializer(serializers.Serializer[Row]):
    position = serializers.IntegerField()
    shown = serializers.CharField(help_text="What you saw.")
    now = serializers.CharField(help_text="What it is now.")


class StaleSerializer(ProblemSerializer):
    faces = StaleFaceSerializer(many=True, required=False)


class PairSerializer(serializers.Serializer[Row]):
    aus = serializers.ListField(child=serializers.IntegerField())
    opposite = serializers.BooleanField(help_text="They exclude each other; false for a pair that is only rare.")
    faces = serializers.ListField(child=serializers.IntegerField(), help_text="Positions that would have both.")


class PairsSerializer(ProblemSerializer):
    pairs = PairSerializer(many=True)
