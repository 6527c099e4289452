"""Rows of the sealed log: its head, what waits, nodes for proofs, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from recovery.audit.leaves import Stored
from recovery.core.tlog.tree import TILE_LEVELS, Frontier, consistency_proof, inclusion_proof

COLUMNS = """
  {0}.id, {0}.xid::text,
  to_char({0}.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  {0}.object_type, {0}.object_id, {0}.object_version, {0}.body::text"""


FILTERS = {
    "object_type": "e.object_type = %s",
    "object_id": "e.object_id = %s",
    "actor": "e.body #>> '{actor,id}' = %s",
    "action": "e.body ->> 'action' = %s",
    "since": "e.recorded_at >= %s",
    "until": "e.recorded_at < %s",
}


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log is sealed, and by whom. `xid` and `entry`: of the last sealed entry."""

    epoch: int
    beat: int
    size: int
    xid: str
    entry: int
    frontier: bytes

    @property
    def edge(self) -> Frontier:
        return Frontier.from_bytes(self.size, self.frontier)


@dataclass(frozen=True, slots=True)
class Signed:
    """A published checkpoint, as the log signed it."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One witness's line under the checkpoint of `size`."""

    size: int
    witness: str
    vkey: str
    line: str
    cosigned_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What no checkpoint vouches for yet: how many entries, how old the oldest is.

    `unsealed` of them are no leaves yet. `blocker`: seconds that the oldest transaction which
    the sealer has to wait for is open, 0 without one.
    """

    unsealed: int
    unsigned: int
    seconds: float
    blocker: float


def head() -> Head:
    row = _one("SELECT epoch, beat, size, xid::text, entry, frontier FROM audit_head")
    epoch, beat, size, xid, entry, frontier = row
    return Head(epoch, beat, size, xid, entry, bytes(frontier))


def next_entries(at: Head, at_most: int) -> list[Stored]:
    """The entries after the sealed ones, up to the oldest transaction that still runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS.format('e')} FROM audit_entry e "  # noqa: S608 - our own names
            "WHERE (e.xid, e.id) > (%s::xid8, %s) "
            "AND e.xid < pg_snapshot_xmin(pg_current_snapshot()) "
            "ORDER BY e.xid, e.id LIMIT %s",
            [at.xid, at.entry, at_most],
        )
        return [Stored(*row) for row in cursor.fetchall()]


def waiting() -> Waiting:
    """In the database's own clock, so that no other clock has a say."""
    row = _one("""
        SELECT open.n, open.n + head.size - signed.size,
          extract(epoch FROM clock_timestamp() - least(open.oldest, first.oldest)),
          (SELECT extract(epoch FROM clock_timestamp() - min(xact_start)) FROM pg_stat_activity
           WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid())
        FROM audit_head head,
        LATERAL (SELECT coalesce(max(size), 0) AS size FROM audit_checkpoint) signed,
        LATERAL (SELECT count(*) AS n, min(recorded_at) AS oldest FROM audit_entry e
          WHERE (e.xid, e.id) > (head.xid, head.entry)) open,
        LATERAL (SELECT min(recorded_at) AS oldest FROM audit_leaf l
          JOIN audit_entry e ON e.id = l.entry_id WHERE l.index >= signed.size) first""")
    return Waiting(row[0], row[1], max(0.0, float(row[2] or 0)), float(row[3] or 0))


def is_sealed(entry: int) -> tuple[int, bool] | None:
    """(leaf index, under a signed checkpoint) of an entry; None: not sealed yet."""
    rows = _all(
        "SELECT index, index < (SELECT coalesce(max(size), 0) FROM audit_checkpoint)"
        " FROM audit_leaf WHERE entry_id = %s",
        [entry],
    )
    return (rows[0][0], rows[0][1]) if rows else None


def leaves_of(entries: Sequence[int]) -> dict[int, int]:
    """Entry → leaf, of those that are sealed."""
    found = "SELECT entry_id, index FROM audit_leaf WHERE entry_id = ANY(%s)"
    return {row[0]: row[1] for row in _all(found, [list(entries)])}


# ------------------------------------------------------------------ the tree


def complete(level: int, index: int) -> bytes:
    """The hash of a complete subtree, from at most 128 kept ones."""
    kept, rest = divmod(level, TILE_LEVELS)
    low, high = index << rest, (index + 1) << rest
    hashes = hashes_of(kept, low, high)
    if len(hashes) != high - low:
        raise LookupError(f"nodes {low} to {high} of level {kept} are not all there")
    return Frontier().extended(hashes)[0].root


def hashes_of(kept: int, low: int, high: int) -> list[bytes]:
    """Leaves (0) or kept nodes of a level, low ≤ index < high."""
    if kept == 0:
        found = "SELECT hash FROM audit_leaf WHERE index >= %s AND index < %s ORDER BY index"
        return [bytes(row[0]) for row in _all(found, [low, high])]
    found = "SELECT hash FROM audit_node WHERE level = %s AND index >= %s AND index < %s"
    return [bytes(row[0]) for row in _all(f"{found} ORDER BY index", [kept, low, high])]


def prove_inclusion(index: int, size: int) -> list[bytes]:
    return inclusion_proof(index, size, complete)


def prove_consistency(old: int, size: int) -> list[bytes]:
    return consistency_proof(old, size, complete)


def sealed_rows(
    first: int, end: int, *, only: Mapping[str, object] | None = None, page: int = 2000
) -> Iterator[tuple[int, bytes, Stored | None]]:
    """(leaf index, its hash, the entry that it is of) from `first` on; None: that row is gone.
    `only`: names of `FILTERS` with what they must be."""
    wanted = {name: value for name, value in (only or {}).items() if value}
    conditions = "".join(f" AND {FILTERS[name]}" for name in wanted)
    at = first
    while at < end:
        rows = _all(
            f"SELECT l.index, l.hash, {COLUMNS.format('e')} FROM audit_leaf l "  # noqa: S608 - our own names
            "LEFT JOIN audit_entry e ON e.id = l.entry_id "
            f"WHERE l.index >= %s AND l.index < %s{conditions} ORDER BY l.index LIMIT %s",
            [at, end, *wanted.values(), page],
        )
        for index, hash_, *row in rows:
            yield index, bytes(hash_), Stored(*row) if row[0] is not None else None
        if len(rows) < page:
            return
        at = rows[-1][0] + 1


def never_sealed(at: Head) -> list[int]:
    """Entries that stand among the sealed ones and are no leaf: put in afterwards."""
    found = (
        "SELECT e.id FROM audit_entry e LEFT JOIN audit_leaf l ON l.entry_id = e.id"
        " WHERE l.index IS NULL AND (e.xid, e.id) <= (%s::xid8, %s) ORDER BY e.id LIMIT 100"
    )
    return [row[0] for row in _all(found, [at.xid, at.entry])]


# ------------------------------------------------------------------ checkpoints


def newest_checkpoint() -> Signed | None:
    rows = _all(
        "SELECT size, root, note, signed_at FROM audit_checkpoint ORDER BY size DESC LIMIT 1"
    )
    return _signed(rows[0]) if rows else None


def checkpoint_of(size: int) -> Signed | None:
    rows = _all("SELECT size, root, note, signed_at FROM audit_checkpoint WHERE size = %s", [size])
    return _signed(rows[0]) if rows else None


def checkpoint_before(moment: datetime) -> Signed | None:
    """The newest that was signed by then."""
    rows = _all(
        "SELECT size, root, note, signed_at FROM audit_checkpoint WHERE signed_at <= %s"
        " ORDER BY size DESC LIMIT 1",
        [moment],
    )
    return _signed(rows[0]) if rows else None


def checkpoints(first: int = 0) -> list[Signed]:
    """Every checkpoint of at least this size, smallest first."""
    found = (
        "SELECT size, root, note, signed_at FROM audit_checkpoint WHERE size >= %s ORDER BY size"
    )
    return [_signed(row) for row in _all(found, [first])]


def cosignatures(first: int = 0) -> list[Cosigned]:
    found = (
        "SELECT size, witness, vkey, line, cosigned_at FROM audit_cosignature"
        " WHERE size >= %s ORDER BY size, witness"
    )
    return [Cosigned(*row) for row in _all(found, [first])]


def witnessed() -> dict[str, int]:
    """Witness → the size of the newest checkpoint that it cosigned. One step of the index each,
    however many cosignatures there are."""
    return dict(
        _all("""
        WITH RECURSIVE who AS (
          (SELECT witness FROM audit_cosignature ORDER BY witness LIMIT 1) UNION ALL
          SELECT (SELECT c.witness FROM audit_cosignature c WHERE c.witness > who.witness
                  ORDER BY c.witness LIMIT 1) FROM who WHERE who.witness IS NOT NULL)
        SELECT witness, (SELECT max(size) FROM audit_cosignature c WHERE c.witness = who.witness)
        FROM who WHERE witness IS NOT NULL""")
    )


def log_keys() -> list[str]:
    """The public keys that checkpoints were signed with, oldest first."""
    return [row[0] for row in _all("SELECT vkey FROM audit_key ORDER BY since")]


def _signed(row: Sequence[Any]) -> Signed:
    size, root, note, at = row
    return Signed(size, bytes(root), note, at)


def _one(statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    return _all(statement, values)[0]


def _all(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values) or None)
        return list(cursor.fetchall())
