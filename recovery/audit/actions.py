"""The one door into the audit log, and the doors of who seals it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from recovery.audit.facts import Entry
from recovery.core.tlog.checkpoints import Checkpoint
from recovery.core.tlog.tree import Frontier


def append_entries(entries: Iterable[Entry]) -> int:
    """Write the entries into the running transaction; the id of the last one.

    Raises `TransactionManagementError` outside a transaction: an entry without the change
    that it tells of, or a change without its entry, must be impossible.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit entries belong to a transaction")
    bodies = json.dumps([entry.body() for entry in entries], cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_append(%s::jsonb)", [bodies])
        row = cursor.fetchone()
    return int(row[0] or 0) if row else 0


def lead_sealing(*, seen_epoch: int, holder: str) -> int | None:
    """Become the sealer if the epoch is still the one seen; the new epoch, or None."""
    return _call("SELECT audit_lead(%s, %s)", [seen_epoch, holder])


def beat_sealing(*, epoch: int) -> bool:
    """Say that this epoch's sealer lives; False when it is not the sealer any more."""
    return _call("SELECT audit_beat(%s)", [epoch]) is not None


def seal_entries(
    *,
    epoch: int,
    at_size: int,
    entries: Sequence[int],
    leaves: Sequence[bytes],
    edge: Frontier,
    nodes: Sequence[tuple[int, int, bytes]],
) -> int | None:
    """The next entries become leaves, all or none; the log's size then, None for who comes
    second (another epoch, another size). PostgreSQL refuses any entries but the next ones."""
    levels, places, hashes = zip(*nodes, strict=True) if nodes else ((), (), ())
    return _call(
        f"SELECT audit_seal(%s, %s, %s::bigint[], {CUT}, %s, %s::smallint[], %s::bigint[], {CUT})",
        [
            epoch,
            at_size,
            f"{{{','.join(map(str, entries))}}}",
            b"".join(leaves),
            len(leaves),
            edge.to_bytes(),
            list(levels),
            list(places),
            b"".join(hashes),
            len(hashes),
        ],
    )


CUT = (
    "(SELECT coalesce(array_agg(substring(joined FROM n FOR 32) ORDER BY n), '{}')"
    " FROM (SELECT %s::bytea AS joined) j, generate_series(1, 32 * %s, 32) n)"
)
"""Hashes of 32 bytes, sent as one: a list of five thousand takes the driver longer to write than
PostgreSQL to seal them."""


def publish_checkpoint(*, checkpoint: Checkpoint, note: str, key: str) -> bool:
    """For everybody to read; False when it was published already."""
    values = [checkpoint.size, checkpoint.root, note, key]
    return bool(_call("SELECT audit_publish(%s, %s, %s, %s)", values))


def add_cosignature(*, size: int, witness: str, key: str, line: str) -> bool:
    """A witness has seen this checkpoint grow from the last it saw; verified by the caller."""
    values = [size, witness, key, line]
    return bool(_call("SELECT audit_cosign(%s, %s, %s, %s)", values))


def _call(statement: str, values: list[Any]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return row[0] if row else None
