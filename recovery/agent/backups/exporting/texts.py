"""What the files of an export say in words. Pure.

Invariant: whatever an export does not show stands in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from recovery.adapters.databases.postgresql.forks import Tail, lsn
from recovery.adapters.databases.postgresql.rejoining import Parted
from recovery.core.ports import Divergence

KINDS = ("inserted", "changed", "deleted")


@dataclass(slots=True)
class Table:
    """One that was touched. `kinds`: by the log; `rows`: that are shown."""

    database: str
    schema: str
    name: str
    oid: int
    file: int
    kinds: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"


def transactions(log: Tail, tables: Sequence[Table]) -> str:
    """When each committed, and what it did to which table."""
    names = {(one.oid, one.file): one for one in tables}
    found: dict[tuple[int, str, str], Counter[str]] = {}
    for (oid, file, kind, number), count in log.rows.items():
        table = names.get((oid, file))
        if number in log.committed and table is not None:
            key = (number, table.database, table.full)
            found.setdefault(key, Counter())[kind] += count
    lines = ["transaction,committed_at,database,table,inserted,changed,deleted"]
    for (number, database, name), kinds in sorted(found.items()):
        counts = ",".join(str(kinds[kind]) for kind in KINDS)
        at = log.at.get(number, "")
        lines.append(f"{number},{_cell(at)},{_cell(database)},{_cell(name)},{counts}")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


ROWS = """\
What a copy of {name} held that its primary lacks
=================================================

The copy and the primary share everything up to {fork} in the log. After that the copy committed
{changes} transactions of its own. What they did, by the log, and what is shown here:

{tables}
Files
-----
rows/DATABASE/SCHEMA.TABLE.csv   the rows that those transactions inserted or changed, as they stood
                                 last. The first column is the transaction.
transactions.csv                 when each of them committed, and what it did to which table
schema-DATABASE.sql              the definitions of the copy, to load the rows somewhere
log.txt                          every record after the fork, as pg_waldump tells it{cut}

What this does not show
-----------------------
- What deleted rows held: they are counted. The primary has them as they were at the fork, unless it
  changed or deleted them since.
- What a row that was changed more than once held in between, and what it held before.
- What the primary has under the same keys now: compare by key before anything is put in there.
- Large objects, the state of sequences, unlogged tables, and transactions that never committed.
- What was acknowledged and never reached the disk of this copy.
"""


def about_rows(name: str, parted: Parted, tables: Sequence[Table], *, is_cut: bool) -> str:
    lines = []
    for one in tables:
        kinds = ", ".join(f"{one.kinds[kind]} {kind}" for kind in KINDS if one.kinds[kind])
        lines.append(f"  {one.database} {one.full}: {kinds or 'none'}; {one.rows} rows are shown\n")
    return ROWS.format(
        name=name,
        fork=lsn(parted.found.parted_at),
        changes=parted.found.changes,
        tables="".join(lines) or "  no rows of tables\n",
        cut=", as far as 64 MiB" if is_cut else "",
    )


WHOLE = """\
All that a copy of {name} held
==============================

What only this copy has cannot be told: {reason}.
So everything is here: dump-DATABASE.sql holds a whole dump of each of its databases, as pg_dump
writes it. Load one into an empty database, and compare by key with what the primary has.

What this does not show: roles and their passwords; what was acknowledged and never reached the disk
of this copy; which of it the primary has as well.
"""


def about_whole(name: str, found: Divergence) -> str:
    return WHOLE.format(name=name, reason=found.reason)


KEYS = """\
What a copy of {name} held that its primary lacks
=================================================

{only} keys are only here, {other} have another value on the primary.

keys.jsonl   a key a line: number of its database, key, type, milliseconds that it had left to live
             (-1: for ever), whether it is only here or has another value on the primary, its value.
             What is no text is {{"base64": …}}. `dump` is what RESTORE takes, in base64.

What this does not show
-----------------------
- Keys that the copy deleted, and that the primary has.
- Keys whose time ran out since, and what a value was in between.
- The value that the primary has: a key that clients changed there since counts as another value.
- What was acknowledged and never reached the disk of this copy.
"""


def about_keys(name: str, only: int, other: int) -> str:
    return KEYS.format(name=name, only=only, other=other)
