"""What a returned PostgreSQL copy holds beyond its primary.

The log after the fork says which transactions committed only there and which tables they touched;
the rows themselves still bear the number of the transaction that wrote them, so a private server on
a copy of the data finds them. Where the fork cannot be told, the whole copy is dumped.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import sql

from recovery.adapters.databases.postgresql.layout import Layout
from recovery.adapters.databases.postgresql.rejoining import Parted, Rejoin
from recovery.adapters.databases.running import alone
from recovery.agent.backups.exporting.copies import copied
from recovery.agent.backups.exporting.outbox import File
from recovery.agent.backups.exporting.private import PrivateCopy
from recovery.agent.backups.exporting.texts import Table, about_rows, about_whole, transactions
from recovery.agent.backups.restoring.bringing import remove
from recovery.agent.backups.restoring.places import staging_of
from recovery.core.ports import EngineFailed, Place
from recovery.core.wire import DatabaseSpec

SERVES_WITHIN = 600.0
MOST_LOG = 64 << 20
_DATABASES = """
SELECT oid::bigint, datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 2
"""
_TABLES = """
SELECT n.nspname, c.relname, pg_relation_filenode(c.oid)::bigint,
       c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE pg_relation_filenode(c.oid) IS NOT NULL ORDER BY 1, 2
"""


@dataclass(slots=True)
class PostgresHeld:
    """Open: its private server runs. `said`: what was found, once its files were read."""

    spec: DatabaseSpec
    parted: Parted
    server: PrivateCopy
    said: str = ""

    async def files(self) -> AsyncIterator[File]:
        """May be asked for again, when a store failed half-way."""
        found = await self.server.rows("postgres", _DATABASES)
        if not self.parted.found.is_known:
            for _, name in found:
                yield f"dump-{_plain(name)}.sql", self.server.dump(name)
            self.said = f"All of it: {self.parted.found.reason}."
            yield "README.txt", _text(about_whole(self.spec.name, self.parted.found))
            return
        tables: list[Table] = []
        touched = {base for base, _ in self.parted.log.counted()}
        for oid, name in (one for one in found if one[0] in touched):
            yield f"schema-{_plain(name)}.sql", self.server.dump(name, ["--schema-only"])
            async for file in self._tables(oid, name, tables):
                yield file
        yield "transactions.csv", _text(transactions(self.parted.log, tables))
        yield "log.txt", _text(self.parted.text[:MOST_LOG])
        self.said = _said(self.parted, tables)
        is_cut = len(self.parted.text) > MOST_LOG
        yield "README.txt", _text(about_rows(self.spec.name, self.parted, tables, is_cut=is_cut))

    async def _tables(self, oid: int, name: str, told: list[Table]) -> AsyncIterator[File]:
        """Of those that the log names; of all, where it names one that is nobody's any more."""
        counted = self.parted.log.counted()
        files = {file for base, file in counted if base == oid}
        there = await self.server.rows(name, _TABLES)
        is_moved = bool(files - {file for _, _, file, _ in there})
        for schema, relation, file, is_theirs in there:
            if not is_theirs or not (is_moved or file in files):
                continue
            kinds = counted.get((oid, file), Counter())
            table = Table(name, schema, relation, oid, file, kinds)
            told.append(table)
            rows = self.server.copy_out(name, self._written(schema, relation))
            async with contextlib.aclosing(rows):
                head, first = await anext(rows, b""), await anext(rows, None)
                if first is not None:
                    yield (
                        f"rows/{_plain(name)}/{_plain(f'{schema}.{relation}')}.csv",
                        _counted(table, head, first, rows),
                    )

    def _written(self, schema: str, relation: str) -> sql.Composed:
        """What those transactions wrote and nothing wrote over since. A frozen row bears its number
        too."""
        numbers = sql.Literal("{" + ",".join(map(str, sorted(self.parted.log.committed))) + "}")
        return sql.SQL(
            "COPY (SELECT t.xmin AS tocsin_transaction, t.* FROM ONLY {} AS t"
            " WHERE t.xmin = ANY({}::xid[])) TO STDOUT (FORMAT csv, HEADER)"
        ).format(sql.Identifier(schema, relation), numbers)


@contextlib.asynccontextmanager
async def held_by_postgres(
    spec: DatabaseSpec, name: str, place: Place
) -> AsyncIterator[PostgresHeld]:
    """Inside, the copy serves nobody but us; afterwards nothing of it is left."""
    layout = Layout(place, spec.version)
    staging = replace(place, folder=staging_of(spec, name, place))
    copy = Layout(staging, spec.version)
    try:
        async with alone(staging.folder) as lock:
            parted, prepared = await _copied(layout, copy, spec, place)
            server = PrivateCopy(copy, lock, prepared)
            try:
                try:
                    await server.serve(SERVES_WITHIN)
                except EngineFailed as error:
                    raise EngineFailed(f"the copy does not start: {error}") from error
                yield PostgresHeld(spec, parted, server)
            finally:
                await server.kill()
    finally:
        await remove(spec, name, place)


async def _copied(
    layout: Layout, copy: Layout, spec: DatabaseSpec, place: Place
) -> tuple[Parted, str]:
    """The log is read where it lies."""
    async with alone(place.folder) as keep:
        if not layout.is_made():
            raise EngineFailed("there are no data that could be exported")
        layout.check_stopped()
        parted = await Rejoin(layout, place, spec, keep).parted()
        control = await layout.control(keep)
        data = await copied(layout.files, copy.files, keep, layout.seat.prefix)
    for mark in ("standby.signal", "recovery.signal", "postmaster.pid"):
        (data / mark).unlink(missing_ok=True)
    return parted, control.get("max_prepared_xacts setting", "0")


def _said(parted: Parted, tables: Sequence[Table]) -> str:
    if not parted.found.is_divergent:
        return "Nothing that its primary lacks."
    shown = "; ".join(f"{one.full}: {one.rows} rows" for one in tables if one.rows)
    gone = sum(one.kinds["deleted"] for one in tables)
    more = f" {gone} deleted rows are counted, not shown." if gone else ""
    return f"{parted.found.changes} transactions. {shown or 'No rows of tables'}.{more}"


async def _text(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def _counted(
    table: Table, head: bytes, first: bytes, rest: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    yield head + first
    table.rows = 1
    async for row in rest:
        table.rows += 1
        yield row


def _plain(name: str) -> str:
    """A name in a file's."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return Path(kept.lstrip(".") or "_").name[:120]
