"""Reading imports: batches, their problems, and what an import would do before it is started."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.choices import FaceRole, LayerKind
from annotator.errors import NotFound
from annotator.formats.cells import cell_normal
from annotator.formats.codes import NOT_SCORED, RowReader
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import Problem, Record, record_make
from annotator.formats.tables import Table, TableProblem, TableRow, table_sample
from annotator.models import DataSet, ImportBatch, ImportRow

PREVIEW_ROWS = 200
SPLIT_SAMPLE = 20_000
MOST_VALUES = 40
"""Distinct values of a column that are offered for a choice; more are no codes and no splits."""


def imports_of(dataset: DataSet) -> QuerySet[ImportBatch]:
    return ImportBatch.objects.filter(dataset=dataset).select_related("job", "layer", "created_by")


def import_for(dataset: DataSet, batch_id: int) -> ImportBatch:
    """One import of the data set; NotFound for another's."""
    batch = imports_of(dataset).filter(pk=batch_id).first()
    if batch is None:
        raise NotFound(_("There is no such import in this data set."))
    return batch


def problem_rows(batch: ImportBatch) -> QuerySet[ImportRow]:
    """The rows that were not imported, by line."""
    return batch.rows.filter(problem__gt="").order_by("line")


def image_place(batch: ImportBatch) -> int | None:
    """In which of a row's cells the image's name stands."""
    image = batch.mapping.get("image")
    return batch.header.index(image) if image in batch.header else None


def problems_export(batch: ImportBatch) -> Iterator[list[str]]:
    """The problems as rows of a table: line, reason, then the original cells under their names."""
    yield ["line", "reason", *batch.header]
    rows = problem_rows(batch).values_list("line", "problem", "cells")
    for line, problem, cells in rows.iterator(chunk_size=2_000):
        yield [str(line), problem, *cells]


def split_target(split_roles: Mapping[str, Sequence[str]], layer_kind: str, split: str) -> tuple[LayerKind, FaceRole]:
    """Into which kind of layer a row's codes go, and the face's role, by its value in the split column.

    Where values are named, their rows are reference rows and all others weak ones; where none are,
    every row goes into the kind of layer that was chosen, without a role.
    """
    if split in split_roles.get("test", ()):
        return LayerKind.REFERENCE, FaceRole.TEST
    if split in split_roles.get("train", ()):
        return LayerKind.REFERENCE, FaceRole.TRAIN
    if any(split_roles.get(role) for role in ("train", "test")):
        return LayerKind.WEAK, FaceRole.NONE
    return LayerKind(layer_kind), FaceRole.NONE


@dataclass
class Preview:
    """What the first rows would become."""

    faults: list[str] = field(default_factory=list)
    """What keeps the mapping from being used at all; then nothing else is told."""
    good: int = 0
    bad: list[Problem] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    """How many codes are present, absent, unscorable, not scored."""
    targets: Counter[tuple[LayerKind, FaceRole]] = field(default_factory=Counter)
    """Rows by (kind of layer, role)."""

    @property
    def rows(self) -> int:
        return self.good + len(self.bad)

    def bad_by_reason(self) -> dict[str, list[int]]:
        """The lines of the bad rows under each reason, the commonest first."""
        lines: dict[str, list[int]] = {}
        for problem in self.bad:
            lines.setdefault(problem.reason, []).append(problem.line)
        return dict(sorted(lines.items(), key=lambda pair: -len(pair[1])))

    @property
    def target_rows(self) -> list[tuple[LayerKind, FaceRole, int]]:
        return [(kind, role, rows) for (kind, role), rows in self.targets.items()]


_STATES = {1: "present", 0: "absent", -1: "not_scored", -2: "unscorable"}


def import_preview(
    table: Table,
    mapping: ColumnMapping,
    split_roles: Mapping[str, Sequence[str]],
    layer_kind: str,
    limit: int = PREVIEW_ROWS,
    faces_find: Callable[[Sequence[str]], Mapping[str, Any]] | None = None,
) -> Preview:
    """Read the first rows by this mapping, as the import would, without writing anything.

    For labels of faces that are there, `faces_find` gives for each image its face, or in plain words why
    there is none: such rows are bad ones.
    """
    preview = Preview(faults=mapping_faults(table, mapping, split_roles))
    if preview.faults:
        return preview
    reader = RowReader(mapping)
    records: list[Record] = []
    for row in islice(table.rows(), limit):
        if isinstance(row, TableProblem):
            preview.bad.append(Problem(row.line, "", row.reason, row.cells))
            continue
        record = record_make(row.line, row.cells, reader)
        if isinstance(record, Problem):
            preview.bad.append(record)
        else:
            records.append(record)
    found = faces_find(list(dict.fromkeys(record.image for record in records))) if faces_find else {}
    for record in records:
        if isinstance(why := found.get(record.image), str):
            preview.bad.append(Problem(record.line, record.image, why, ()))
            continue
        preview.good += 1
        preview.targets[split_target(split_roles, layer_kind, record.split)] += 1
        preview.codes.update(_STATES[code.state] for code in record.codes.codes.values())
    return preview


def mapping_faults(table: Table, mapping: ColumnMapping, split_roles: Mapping[str, Sequence[str]]) -> list[str]:
    """What keeps an import from being started with this mapping, in plain words."""
    faults = mapping.validate()
    if mapping.header != table.header:
        faults.append(_("the table's header is not the one that this mapping was made for"))
    named = [value for values in split_roles.values() for value in values]
    if named and not mapping.split:
        faults.append(_("values of a split column are named, but no column holds the split"))
    return faults


def split_values(table: Table, column: str) -> list[str]:
    """The values in the split column, commonest first; empty where they are too many to be a split."""
    if column not in table.header:
        return []
    counts = _split_counts(table, column, _stamp(table))
    return [value for value, _count in counts.most_common()] if len(counts) <= MOST_VALUES else []


@lru_cache(maxsize=8)
def _split_counts(table: Table, column: str, stamp: tuple[int, int]) -> Counter[str]:
    place = table.header.index(column)
    rows = (row.cells for row in islice(table.rows(), SPLIT_SAMPLE) if isinstance(row, TableRow))
    return Counter(cells[place].strip() for cells in rows)


def _stamp(table: Table) -> tuple[int, int]:
    """What tells a file that was written anew from the one that was read before."""
    status = table.path.stat()
    return status.st_mtime_ns, status.st_size


def code_values(mapping: ColumnMapping, rows: Sequence[Sequence[str]]) -> list[str]:
    """The distinct values in the columns that hold codes, as rules name them, empty one first."""
    columns = {column for _au, column in (*mapping.codes, *mapping.left, *mapping.right)}
    if mapping.shape == "long":
        columns = {mapping.long_value} - {""}
    places = [place for place, column in enumerate(mapping.header) if column in columns]
    seen = {cell_normal(row[place]) for row in rows for place in places}
    return sorted(seen)[:MOST_VALUES]


def record_codes_told(record: Record) -> int:
    """How many of a record's AUs are present, absent or unscorable."""
    return sum(code.state != NOT_SCORED for code in record.codes.codes.values())


def sample_rows(table: Table) -> list[tuple[str, ...]]:
    """Rows from the start and from further on, kept for a while: the columns page asks at each change."""
    return _sample(table, _stamp(table))


@lru_cache(maxsize=2)
def _sample(table: Table, stamp: tuple[int, int]) -> list[tuple[str, ...]]:
    return table_sample(table)


def first_rows(table: Table, count: int) -> list[tuple[str, ...]]:
    """The cells of the first good rows."""
    good = (row.cells for row in table.rows() if isinstance(row, TableRow))
    return list(islice(good, count))


def mapping_of(batch: ImportBatch) -> ColumnMapping:
    """The batch's mapping as the formats know it."""
    data: dict[str, Any] = batch.mapping
    return ColumnMapping.from_json(data)
