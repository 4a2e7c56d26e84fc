"""Reading exports: which there are, their files, and what a new one would hold."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from annotator.choices import ExportShape
from annotator.errors import InputRefused, NotFound
from annotator.formats.presets import PRESETS
from annotator.models import DataSet, Export, Face, Member
from annotator.selectors.effective import SOURCES
from annotator.selectors.export_detail import DISAGREEMENT
from annotator.selectors.export_plan import FACE_COLUMNS, chunk_read, export_plan
from annotator.selectors.export_rows import sources_count

WHOLE = 5_000
"""Up to so many faces a preview counts them all."""
SAMPLE = 1_000
"""Faces read for the preview of a larger data set, whatever its size."""
COUNTED = (*SOURCES[1:], "unscorable", DISAGREEMENT)


def exports_of(dataset: DataSet) -> QuerySet[Export]:
    return Export.objects.filter(dataset=dataset).select_related("job", "created_by")


def export_for(dataset: DataSet, export_id: int) -> Export:
    """One export of the data set; NotFound for another's."""
    export = exports_of(dataset).filter(pk=export_id).first()
    if export is None:
        raise NotFound(_("There is no such export in this data set."))
    return export


def forms_named() -> list[tuple[str, str, str]]:
    """("shape:preset", name, what it is) of every form that an export can have."""
    words = {
        "standard": (_("Wide"), _("A row for each face, the source of every code, and the columns it came with")),
        "emotionet": ("EmotioNet", _("Wide; columns 'AU 1' …; 999 where not coded")),
        "openface": ("OpenFace", _("Wide; columns AU01_c …; empty where not coded")),
        "disfa": ("DISFA", _("Wide; intensities 0 to 5; empty where not graded")),
        "bp4d": ("BP4D", _("Wide; columns headed by AU numbers; 9 where not coded")),
    }
    wide = [(f"{ExportShape.WIDE}:{name}", *words.get(name, (name, ""))) for name in PRESETS]
    long = _("A row for each code, with intensity, side, weak code, cluster, coder and time")
    events = _("A row for each event in a clip: onset, apex, offset, intensity, side and coder")
    return [
        wide[0],
        (f"{ExportShape.LONG}:standard", _("Long"), long),
        (f"{ExportShape.EVENTS}:standard", _("Events"), events),
        *wide[1:],
    ]


def export_check(shape: str, preset: str) -> None:
    """Raise InputRefused for a shape or preset that there isn't."""
    if shape not in ExportShape.values:
        raise InputRefused(_("The shape of an export is one of: %s.") % ", ".join(ExportShape.values))
    if preset not in PRESETS:
        raise InputRefused(
            _("There is no preset “%(name)s”; known are %(known)s.")
            % {"name": preset[:40], "known": ", ".join(PRESETS)}
        )
    if shape != ExportShape.WIDE and preset != "standard":
        raise InputRefused(_("Presets are for wide tables; the others have one form, “standard”."))


def export_file_names(export: Export) -> tuple[str, str]:
    """What the table and its dictionary are called when downloaded: made here, of safe signs only."""
    name = slugify(export.dataset.name)[:60] or f"dataset-{export.dataset_id}"
    form = export.shape if export.preset == "standard" else f"{export.shape}-{export.preset}"
    stem = f"{name}-r{export.revision}-{form}"
    return f"{stem}.csv", f"{stem}.dictionary.csv"


def export_file_open(export: Export, *, dictionary: bool = False) -> "File[bytes]":
    """The finished table, or its dictionary, open for reading. NotFound where there is none."""
    stored = export.dictionary_name if dictionary else export.file_name
    if not stored:
        raise NotFound(_("This export has no file: it isn't finished, or its file was removed."))
    try:
        return default_storage.open(stored)
    except FileNotFoundError:
        raise NotFound(_("The file of this export is no longer in the store.")) from None


@dataclass(frozen=True)
class SourceShare:
    """One line of the preview: a source, and its codes without and with unreviewed proposals."""

    source: str
    without: int
    accepted: int
    without_share: float
    accepted_share: float


@dataclass(frozen=True)
class Preview:
    """Where the codes of an export would come from, from some faces or from all."""

    lines: list[SourceShare]
    faces: int
    """Faces looked at."""
    whole: bool
    """Whether that was all there are."""
    codes: int
    """(faces × AUs): all cells."""


def export_preview(member: Member) -> Preview:
    """Count sources over all faces, or over SAMPLE of many spread evenly over the data set. Raises InputRefused for
    a data set without AUs."""
    dataset = member.dataset
    faces = _faces_spread(dataset)
    left_out = export_plan(member.user, dataset, accept_proposals=False, detailed=False, carry=False)
    without = accepted = Counter[str]()
    if faces:
        chunk = chunk_read(left_out, faces)
        without = sources_count(left_out, chunk)
        accepting = replace(left_out, accept_proposals=True)
        accepted = sources_count(accepting, chunk_read(accepting, faces, chunk.read))
    cells = len(faces) * len(left_out.aus)
    whole = cells or 1
    return Preview(
        lines=[
            SourceShare(name, without[name], accepted[name], without[name] / whole, accepted[name] / whole)
            for name in COUNTED
            if without[name] or accepted[name]
        ],
        faces=len(faces),
        whole=dataset.next_position <= WHOLE,
        codes=cells,
    )


def _faces_spread(dataset: DataSet) -> list[tuple[Any, ...]]:
    """All faces, or SAMPLE of more than WHOLE at evenly spaced positions, as (values of FACE_COLUMNS)."""
    total = dataset.next_position
    faces = Face.objects.filter(dataset=dataset).order_by("position")
    if total > WHOLE:
        positions = np.unique(np.linspace(0, total - 1, num=SAMPLE, dtype=np.int64))
        faces = faces.filter(position__among=positions)
    return list(faces.values_list(*FACE_COLUMNS))


def export_sources(export: Export) -> list[tuple[str, int, float]]:
    """(source, codes, share of all that were told) of a finished export, most trusted first."""
    counts: dict[str, int] = (export.job.result if export.job else {}).get("by_source", {})
    total = sum(counts.values()) or 1
    return [(name, counts[name], counts[name] / total) for name in COUNTED if counts.get(name)]
