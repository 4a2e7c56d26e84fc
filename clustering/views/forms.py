"""The form that starts a run; every setting explained in a line, the defaults good as they are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.models import DataSet, FeatureSet, LabelLayer
from annotator.selectors.codes import coded_aus
from annotator.selectors.datasets import faces_count
from annotator.templatetags.layout import short_number
from clustering.algorithms.settings import WSCSettings
from clustering.selectors.inputs import weak_layers

LAMBDAS_TRIED = 6
"""How many λ a run tries that is asked to take the best."""
TAKEN_OVER = (
    "lam", "lam_steps", "dimensions", "neighbours", "affinity", "groups", "cut", "delta", "vote", "solver",
)  # fmt: skip
"""Fields that are settings of the run, under the same name; left empty, the default stands."""


class RunForm(forms.Form):
    aus = forms.MultipleChoiceField(
        label=_("Action units"), required=False, widget=forms.CheckboxSelectMultiple, help_text=_("None ticked: all.")
    )
    feature_set: forms.ModelChoiceField[FeatureSet] = forms.ModelChoiceField(
        None,
        label=_("Feature set"),
        required=False,
        empty_label=_("Promoted, or newest"),
        help_text=_("The promoted detector's, if it has looked at every face; else the newest."),
    )
    weak_layer: forms.ModelChoiceField[LabelLayer] = forms.ModelChoiceField(
        None,
        label=_("Weak labels"),
        required=False,
        empty_label=_("Promoted, or most faces"),
        help_text=_(
            "The promoted detector's predictions, if they are of every face and AU; else the layer that covers "
            "most faces."
        ),
    )
    lam = forms.FloatField(
        label=_("Pull of the weak labels (λ, balanced)"),
        min_value=0,
        required=False,
    )
    lam_steps = forms.TypedChoiceField(
        label=_("Which λ"),
        choices=[(0, _("As given below")), (LAMBDAS_TRIED, _("Try several and take the best"))],
        coerce=int,
        empty_value=None,
        required=False,
        help_text=_(
            "Six from 0.004 to 4 are tried for each AU. The best foretells trusted codes; where there are too few, "
            "two halves of the weak labels agree best on it. Takes some times as long."
        ),
    )
    dimensions = forms.IntegerField(
        label=_("Dimensions of the embedding"), min_value=1, max_value=1000, required=False
    )
    neighbours = forms.IntegerField(label=_("Neighbours of a face"), min_value=2, max_value=1000, required=False)
    joint = forms.BooleanField(
        label=_("One set of clusters for all AUs together"),
        required=False,
        help_text=_("Otherwise each AU gets clusters of its own, which is easier to review."),
    )
    groups = forms.ChoiceField(
        label=_("Which faces the labels pull together"),
        choices=[("aus", _("Those alike in an AU")), ("sets", _("Those alike in all AUs"))],
        required=False,
        help_text=_("Only for one set of clusters. Alike in all keeps rare combinations apart."),
    )
    vote = forms.ChoiceField(
        label=_("How codes are proposed"),
        choices=[
            ("witnesses", _("Face by face")),
            ("majority", _("By cluster: majority")),
            ("probability", _("By cluster: probability")),
            ("base_rate", _("By cluster: base rate")),
        ],
        required=False,
        help_text=_(
            "Face by face weighs all witnesses by what they prove on trusted codes. By cluster calls whole clusters: "
            "by the majority of weak labels, as in the published method, by their mean probability, or by that so "
            "that as many are present as expected."
        ),
    )
    affinity = forms.ChoiceField(
        label=_("How nearness counts"),
        choices=[("gaussian", _("Gaussian")), ("exponential", _("Exponential, as published"))],
        required=False,
        help_text=_("The weight of two neighbours by their distance. Gaussian lets far ones count less."),
    )
    cut = forms.ChoiceField(
        label=_("How clusters are cut"),
        choices=[
            ("local", _("Nearest first, up to a size")),
            ("density", _("Where faces thin out")),
            ("global", _("At one distance, as published")),
        ],
        required=False,
        help_text=_(
            "Up to a size gives clusters that one look takes in. At one distance, chosen by uMQI, makes few large "
            "clusters and many faces on their own."
        ),
    )
    delta = forms.IntegerField(
        label=_("Too small for a cluster (δ)"),
        min_value=1,
        required=False,
        help_text=_("Clusters of so many faces or fewer go to the noise group."),
    )
    solver = forms.ChoiceField(
        label=_("Solver of the embedding"),
        choices=[
            ("exact", _("Exact: eigenvectors")),
            ("agd", _("Algorithm 1 of the paper")),
            ("sgd", _("Algorithm 2 of the paper")),
        ],
        required=False,
        help_text=_("The exact one is both nearer to the minimum and faster. The others are there for comparison."),
    )
    seed = forms.IntegerField(label=_("Seed"), min_value=0, required=False)

    def __init__(self, dataset: DataSet, data: Any = None) -> None:
        defaults = WSCSettings()
        super().__init__(data, initial={"seed": 0, **defaults.as_dict()})
        faces = faces_count(dataset)
        self.fields["lam"].help_text = _(
            "0.004 goes by looks alone, 4 by the weak labels alone. In the paper's unit it is %(faces)s times as "
            "large, once for each face: %(literal)s for %(lam)s."
        ) % {"faces": f"{faces:,}", "literal": short_number(defaults.lam * faces), "lam": short_number(defaults.lam)}
        self.fields["aus"].choices = [(str(coded.au), f"AU{coded.au}") for coded in coded_aus(dataset)]  # type: ignore[attr-defined]
        self.fields["feature_set"].queryset = dataset.feature_sets.all()  # type: ignore[attr-defined]
        self.fields["weak_layer"].queryset = weak_layers(dataset)  # type: ignore[attr-defined]

    def complaint(self) -> str:
        """The first thing that is wrong, in a sentence."""
        name, errors = next(iter(self.errors.items()))
        label = self.fields[name].label if name in self.fields else ""
        return f"{label}: {errors[0]}"

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for run_create; empty fields are left to its defaults."""
        given = self.cleaned_data
        settings = {name: given[name] for name in TAKEN_OVER if given[name] not in (None, "")}
        return {
            "aus": [int(au) for au in given["aus"]] or None,
            "feature_set": given["feature_set"],
            "weak_layer": given["weak_layer"],
            "seed": given["seed"] or 0,
            "configuration": {**settings, "joint": given["joint"]},
        }
