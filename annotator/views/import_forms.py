"""The forms of an import: where the files come from, and what each column means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from annotator.choices import LayerKind
from annotator.facs import ACTION_UNITS
from annotator.formats.cells import cell_normal
from annotator.formats.mapping import LONG_ROLES, ROLES, ColumnMapping
from annotator.formats.tables import Table
from annotator.models import DataSet, ImportBatch, LabelLayer
from annotator.selectors.imports import code_values, split_values
from annotator.services.importing import IMPORT_KINDS
from annotator.services.importing_places import server_folders

USES = {
    "image": _("Image"),
    "subject": _("Subject"),
    "clip": _("Clip"),
    "frame": _("Frame number"),
    "time": _("Time"),
    "emotion": _("Emotion tag"),
    "split": _("Split"),
    "success": _("Face found (0/1)"),
    "codes": _("AU code"),
    "intensities": _("AU intensity"),
    "probabilities": _("AU probability"),
    "left": _("AU on the left side"),
    "right": _("AU on the right side"),
}
LONG_USES = {
    "long_au": _("AU"),
    "long_value": _("Code"),
    "long_intensity": _("Intensity"),
    "long_side": _("Side"),
    "long_scored": _("Whether scored"),
    "long_probability": _("Probability"),
}
PAIRED = ("codes", "intensities", "probabilities", "left", "right")
MEANINGS = {
    "present": _("present"),
    "absent": _("absent"),
    "not_scored": _("not scored"),
    "unscorable": _("unscorable"),
    "": _("a grade, or a mistake"),
}
SPLIT_ROLES = {"": _("weak labels"), "train": _("reference, train"), "test": _("reference, test")}
EXAMPLES = 4


class SourceForm(forms.Form):
    """What is imported, and from where."""

    content = forms.ChoiceField(
        label=_("What it holds"),
        choices=[
            ("faces", _("Faces with their labels")),
            ("labels", _("Labels for faces that are here already")),
        ],
        widget=forms.RadioSelect,
        initial="faces",
    )
    layer_kind = forms.ChoiceField(
        label=_("How far the labels are trusted"),
        choices=[
            (LayerKind.WEAK, _("Weak: from a detector, search words or hurried coding")),
            (LayerKind.REFERENCE, _("Reference: from certified coders")),
        ],
        widget=forms.RadioSelect,
        initial=LayerKind.WEAK,
    )
    place = forms.ChoiceField(
        choices=[("upload", _("Upload")), ("server", _("Folder on the server"))],
        initial="upload",
        required=False,
    )
    folder = forms.ChoiceField(label=_("Folder"), required=False)
    inner = forms.CharField(
        label=_("Path inside it"), required=False, max_length=500, help_text=_("The folder of the pictures.")
    )
    labels = forms.CharField(
        label=_("Label file"),
        required=False,
        max_length=500,
        help_text=_("Its path from that folder; empty if it is the only CSV there."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(str(number), str(folder)) for number, folder in enumerate(server_folders())]
        self.fields["folder"].choices = choices  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Column:
    """One column of the table as a line of the form."""

    number: int
    name: str
    use: str
    au: int | None
    examples: list[str]


@dataclass
class MappingForm:
    """A mapping, a split and a target as controls, and back: `read` takes what `context` shows."""

    batch: ImportBatch
    table: Table
    mapping: ColumnMapping
    split_roles: dict[str, list[str]] = field(default_factory=dict)
    layer_kind: str = LayerKind.WEAK
    layer: LabelLayer | None = None

    def read(self, data: QueryDict) -> None:
        """Take over what was posted; what isn't among the choices is left as it was."""
        shape = "long" if data.get("shape") == "long" else "wide"
        uses = LONG_ROLES if shape == "long" else ()
        single: dict[str, Any] = dict.fromkeys((*ROLES, *LONG_ROLES), "")
        pairs: dict[str, list[tuple[int, str]]] = {name: [] for name in PAIRED}
        for number, column in enumerate(self.table.header):
            use = data.get(f"use-{number}", "")
            if use in PAIRED:
                pairs[use].append((_whole(data.get(f"au-{number}")), column))
            elif use in ROLES or use in uses:
                # Of two columns for one use the later is kept; the page shows which.
                single[use] = column
        columns: dict[str, Any] = {name: tuple(sorted(found)) for name, found in pairs.items()}
        self.mapping = replace(
            self.mapping,
            shape=shape,
            **single,
            **columns,
            **self._rules_read(data),
        )
        self.split_roles = {"train": [], "test": []}
        for value, role in zip(data.getlist("split-value"), data.getlist("split-role"), strict=False):
            if role in self.split_roles and self.mapping.split:
                self.split_roles[role].append(value)
        if data.get("layer_kind") in IMPORT_KINDS:
            self.layer_kind = str(data["layer_kind"])
        self.layer = self.layers().filter(pk=_whole(data.get("layer"))).first()

    def _rules_read(self, data: QueryDict) -> dict[str, Any]:
        meanings: dict[str, list[str]] = {name: [] for name in MEANINGS if name}
        for value, meaning in zip(data.getlist("value"), data.getlist("meaning"), strict=False):
            if meaning in meanings:
                meanings[meaning].append(value)
        mapping = self.mapping
        try:
            probability = float(data.get("probability_threshold", ""))
        except ValueError:
            probability = mapping.probability_threshold
        return {
            **{name: tuple(values) for name, values in meanings.items()},
            "style": data.get("style", mapping.style)[:20],
            "threshold": _whole(data.get("threshold")) or mapping.threshold,
            "probability_threshold": probability,
            "intensity_maximum": 1.0 if data.get("intensity_maximum") == "1" else 5.0,
            "time_unit": data.get("time_unit", mapping.time_unit)[:2],
        }

    def layers(self) -> Any:
        """The layers that may take the codes instead of a new one."""
        dataset: DataSet = self.batch.dataset
        return LabelLayer.objects.filter(dataset=dataset, kind__in=IMPORT_KINDS)

    def columns(self, rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[Column]]:
        """The columns that mean something, and the others, each in the table's order."""
        mapping = self.mapping
        uses: dict[str, tuple[str, int | None]] = {
            getattr(mapping, role): (role, None) for role in (*ROLES, *LONG_ROLES) if getattr(mapping, role)
        }
        for name in PAIRED:
            uses |= {column: (name, au) for au, column in getattr(mapping, name)}
        columns = [
            Column(number, name, *uses.get(name, ("", None)), examples=_examples(rows, number))
            for number, name in enumerate(self.table.header)
        ]
        return [c for c in columns if c.use], [c for c in columns if not c.use]

    def meanings(self, rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
        """Each value seen or named in the rule, with what it means."""
        told = {cell_normal(text): name for name in MEANINGS if name for text in getattr(self.mapping, name)}
        seen = code_values(self.mapping, rows)
        return [(value, told.get(value, "")) for value in dict.fromkeys([*seen, *told])]

    def splits(self) -> list[tuple[str, str]]:
        """Each value of the split column, with the role of its rows."""
        role_of = {value: role for role, values in self.split_roles.items() for value in values}
        return [(value, role_of.get(value, "")) for value in split_values(self.table, self.mapping.split)]

    def context(self, rows: Sequence[Sequence[str]]) -> dict[str, Any]:
        """What the template shows of all this."""
        used, others = self.columns(rows)
        return {
            "form": self,
            "mapping": self.mapping,
            "used": used,
            "others": others,
            "uses": {**USES, **LONG_USES} if self.mapping.shape == "long" else USES,
            "paired": PAIRED,
            "meanings": self.meanings(rows),
            "meaning_names": MEANINGS,
            "splits": self.splits(),
            "split_names": SPLIT_ROLES,
            "layers": self.layers(),
            "aus": list(ACTION_UNITS.values()),
        }


def _examples(rows: Sequence[Sequence[str]], number: int) -> list[str]:
    """A few different cells of a column, the first ones first."""
    seen = dict.fromkeys(row[number][:60] for row in rows[:200] if number < len(row))
    return list(seen)[:EXAMPLES]


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def mapping_form(batch: ImportBatch, table: Table, mapping: ColumnMapping) -> MappingForm:
    roles: Mapping[str, Sequence[str]] = batch.split_roles
    split = {role: list(values) for role, values in roles.items()}
    return MappingForm(batch, table, mapping, split, batch.layer_kind, batch.layer)
