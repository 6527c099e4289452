"""Rows in an order that nobody asked for: `TOCSIN_TESTS_SHUFFLED=reversed` or `=random`.

PostgreSQL gives rows of a query without ORDER BY in any order, and mostly in that of their writing;
what leans on that passes for months and fails once an update or a vacuum has moved a row. Under
`reversed` such a query has its rows from last to first, so that whatever leans on the usual order
fails at once, each time; `random` finds what leans on another one.
"""

from __future__ import annotations

import os
from typing import Any

from django.db.models import F, Func, OrderBy
from django.db.models.expressions import RawSQL
from django.db.models.functions import Random
from django.db.models.sql.compiler import (
    SQLAggregateCompiler,
    SQLCompiler,
    SQLDeleteCompiler,
    SQLInsertCompiler,
    SQLUpdateCompiler,
)

OTHERS = (SQLAggregateCompiler, SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler)
MODE = os.environ.get("TOCSIN_TESTS_SHUFFLED", "")


def shuffle() -> None:
    """From now on, in this process, if the environment asks for it."""
    if not MODE:
        return
    plain = SQLCompiler.get_order_by

    def get_order_by(self: SQLCompiler) -> list[Any]:
        found = plain(self)
        if found or not _is_free(self):
            return found
        alias = self.query.get_initial_alias()
        by: Func | RawSQL | F = Random()
        if MODE == "reversed":
            by = RawSQL(f'"{alias}".ctid', ())  # noqa: S611 - our own alias
        order = OrderBy(by, descending=True)
        sql, params = self.compile(order)
        return [(order, (sql, params, False))]

    SQLCompiler.get_order_by = get_order_by  # type: ignore[method-assign]


def _is_free(compiler: SQLCompiler) -> bool:
    """Several rows of a table, as the caller reads them."""
    query = compiler.query
    is_plain = not isinstance(compiler, OTHERS) and not query.subquery and not query.combinator
    is_whole = not query.distinct and query.group_by is None and not query.is_sliced
    sums = any(one.contains_aggregate for one in query.annotation_select.values())
    return is_plain and is_whole and not sums and bool(query.model)
