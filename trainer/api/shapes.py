"""The shapes of what the API tells of detectors and takes to train one."""

from typing import Any

from rest_framework import serializers

from annotator.api.shapes import JobSerializer
from trainer.algorithms.methods import METHODS
from trainer.algorithms.settings import PRESETS, QUICK

Row = dict[str, Any]


class FigureSerializer(serializers.Serializer[Row]):
    """A figure with its 95% interval over subjects."""

    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class RulesSerializer(serializers.Serializer[Row]):
    """By threshold rule; null where undefined or not computed."""

    fixed = FigureSerializer(allow_null=True)
    validation = FigureSerializer(allow_null=True)
    base_rate = FigureSerializer(allow_null=True)


class MeanF1Serializer(serializers.Serializer[Row]):
    """By evaluation; null where there is no such evaluation."""

    cross_validation = RulesSerializer(allow_null=True)
    test = RulesSerializer(allow_null=True)


class DetectorSerializer(serializers.Serializer[Row]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    method = serializers.CharField()
    aus = serializers.ListField(child=serializers.IntegerField(), help_text="In the order of every list of AUs.")
    seed = serializers.IntegerField()
    mean_f1 = MeanF1Serializer()
    revision = serializers.IntegerField(help_text="The data set's, whose codes it was trained on.")
    job = serializers.IntegerField(allow_null=True)
    layer = serializers.IntegerField(allow_null=True, help_text="The label layer of its predictions.")
    feature_set = serializers.IntegerField(allow_null=True, help_text="The newest of its features.")
    weights_sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    promoted_at = serializers.DateTimeField(
        allow_null=True, help_text="Set on the one detector that the next round begins with."
    )


class SnapshotSerializer(serializers.Serializer[Row]):
    """What it was trained on."""

    id = serializers.IntegerField()
    revision = serializers.IntegerField()
    protocol_version = serializers.IntegerField()
    aus = serializers.ListField(child=serializers.IntegerField())
    sources = serializers.DictField(child=serializers.IntegerField(), help_text="Codes by kind of layer.")
    layers = serializers.DictField(help_text="Ids of the layers by kind.")
    summary = serializers.DictField(help_text="Faces, subjects, codes by AU, and faces left out by reason.")


class DetectorDetailSerializer(DetectorSerializer):
    thresholds = serializers.DictField(
        child=serializers.FloatField(), help_text="By AU: the score above which it predicts the AU present."
    )
    configuration = serializers.DictField(help_text="Every setting it was trained with.")
    snapshot = SnapshotSerializer()
    report = serializers.DictField(
        help_text="Evaluations (cross_validation, test: figures by AU, and their mean with F1, AUC, S score, "
        "accuracy, Brier score and calibration error), trainings, machine, composition; null is undefined."
    )
    weights = serializers.CharField(help_text="Where the safetensors file is downloaded.")
    card = serializers.CharField(help_text="Where the model card is downloaded.")


class SourcesSerializer(serializers.Serializer[Row]):
    proposals = serializers.BooleanField(default=False, help_text="Adopted proposals where nobody has reviewed.")
    weak = serializers.BooleanField(default=False, help_text="Weak labels where there is nothing better.")


class TrainingOrderSerializer(serializers.Serializer[Row]):
    """A training to start."""

    method = serializers.ChoiceField(choices=sorted(METHODS))
    name = serializers.CharField(default="", allow_blank=True, max_length=100)
    preset = serializers.ChoiceField(
        choices=PRESETS, default=QUICK, help_text="The settings begun from: for small machines, or the paper's."
    )
    settings = serializers.DictField(
        default=dict, help_text="Changes to the preset's settings by path, such as {“training.epochs”: 10}."
    )
    sources = SourcesSerializer(default=dict)


class PromotionSerializer(serializers.Serializer[Row]):
    """The promoted detector, and the job that makes its predictions and features where they are wanting."""

    detector = DetectorSerializer()
    job = JobSerializer(allow_null=True)


class DivergenceSerializer(serializers.Serializer[Row]):
    """Jensen-Shannon divergence between subjects, in nats."""

    subjects = serializers.IntegerField()
    faces = serializers.IntegerField()
    mean = serializers.FloatField(help_text="Over all pairs of subjects.")
    chance = serializers.FloatField(help_text="The same with the faces dealt to the subjects at random.")
    sum = serializers.FloatField(help_text="Mean over subjects of the sum over all others, as in the paper.")
    sum_spread = serializers.FloatField(help_text="Its standard deviation over subjects.")


class WantedSerializer(serializers.Serializer[Row]):
    """The picture that an AU's output wants."""

    au = serializers.IntegerField()
    picture = serializers.CharField(help_text="Where the PNG is.")
    scores = serializers.DictField(child=serializers.FloatField(), help_text="By AU, of that picture.")


class SightSerializer(serializers.Serializer[Row]):
    """What a detector sees."""

    detector = serializers.IntegerField()
    feature_set = serializers.IntegerField()
    projection = serializers.IntegerField(allow_null=True)
    divergence = DivergenceSerializer(allow_null=True, help_text="Null with fewer than two subjects.")
    wanted = WantedSerializer(many=True)
    configuration = serializers.DictField(help_text="How the pictures were made.")
    seed = serializers.IntegerField()
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class AttributedSerializer(serializers.Serializer[Row]):
    """One AU in a face. What all places add together is the logit less the empty picture's."""

    au = serializers.IntegerField()
    logit = serializers.FloatField()
    empty_logit = serializers.FloatField()
    speaks_for = serializers.CharField(help_text="Where the PNG is: white where the face speaks most for the AU.")
    speaks_against = serializers.CharField(help_text="The same against it, at the same scale.")


class AttributionSerializer(serializers.Serializer[Row]):
    """Which parts of a face speak for each AU."""

    detector = serializers.IntegerField()
    face = serializers.IntegerField(help_text="Its position.")
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    aus = AttributedSerializer(many=True)
