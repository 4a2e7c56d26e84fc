"""Thousands of narrow rows at once by one statement: several times as quick as model instances."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models


def rows_insert(
    model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]], *, key: Sequence[str] = ()
) -> None:
    """Insert rows of these fields, in their order. With `key`, the fields of a unique constraint, a row that is
    there already is brought up to date. Values must be what the database takes; call inside a transaction."""
    told = list(rows)
    if not told:
        return
    quote = connection.ops.quote_name
    fields = [model._meta.get_field(name) for name in names]
    columns = {name: quote(str(field.column)) for name, field in zip(names, fields, strict=True)}  # type: ignore[union-attr]
    into = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns.values())})"
    end = ""
    if key:
        unique = ", ".join(columns[name] for name in key)
        rest = ", ".join(f"{column} = excluded.{column}" for name, column in columns.items() if name not in key)
        end = f" ON CONFLICT ({unique}) DO UPDATE SET {rest}"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # a list a column: one statement whatever the number of rows
            lists = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
            values = [list(column) for column in zip(*told, strict=True)]
            cursor.execute(f"{into} SELECT * FROM unnest({lists}){end}", values)
        else:
            cursor.executemany(f"{into} VALUES ({', '.join(['%s'] * len(columns))}){end}", told)
