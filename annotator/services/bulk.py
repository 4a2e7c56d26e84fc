"""Thousands of narrow rows at once by one prepared statement: several times as quick as model instances."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models


def rows_insert(
    model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]], *, key: Sequence[str] = ()
) -> None:
    """Insert rows of these fields, in their order. With `key`, the fields of a unique constraint, a row that is
    there already is brought up to date. Values must be what the database takes; call inside a transaction."""
    quote = connection.ops.quote_name
    columns = {name: quote(str(model._meta.get_field(name).column)) for name in names}  # type: ignore[union-attr]
    marks = ", ".join(["%s"] * len(columns))
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns.values())}) VALUES ({marks})"
    if key:
        unique = ", ".join(columns[name] for name in key)
        rest = ", ".join(f"{column} = excluded.{column}" for name, column in columns.items() if name not in key)
        sql += f" ON CONFLICT ({unique}) DO UPDATE SET {rest}"
    with connection.cursor() as cursor:
        cursor.executemany(sql, list(rows))
