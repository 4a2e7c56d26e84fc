"""Lookups of our own."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from django.db.models import Field, ForeignObject, Lookup
from numpy.typing import NDArray


@Field.register_lookup
@ForeignObject.register_lookup
class Among(Lookup):  # type: ignore[type-arg]
    """`position__among=[3, 5, 8]`: one of these whole numbers, however many.

    The list goes to the database as one value. With `__in` each number is a parameter of its own, which costs
    the database library more time than the rows do, and past some number of them the statement is refused. Of
    thousands give an array: Django looks into every item of a list.
    """

    lookup_name = "among"
    prepare_rhs = False
    rhs: Iterable[int] | NDArray[np.int64]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, given = self.process_lhs(compiler, connection)
        return f"{left} IN (SELECT value FROM json_each(%s))", [*given, json.dumps(self._numbers())]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, given = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s::bigint[])", [*given, self._numbers()]

    def _numbers(self) -> list[int]:
        if isinstance(self.rhs, np.ndarray):
            return list(self.rhs.tolist())
        return [int(number) for number in self.rhs]
