"""A log of the tests' own in real rows, and a sealer for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections, transaction

from recovery.audit.actions import append_entries
from recovery.audit.facts import Entry
from recovery.core.clock import ManualClock
from recovery.core.tlog.notes import SignerKey
from recovery.engines import roles
from recovery.sealer.keys import Memory
from recovery.sealer.seal import Sealer
from tests.support.fleet import BY, NOW

KEY = SignerKey("tocsin.test/audit", b"k" * 32)


def write(count: int, said: str = "because") -> int:
    """That many entries, one transaction; the id of the last."""
    entries = [
        Entry(
            action="noted",
            object_type="note",
            object_id=str(number),
            object_version=1,
            actor=BY,
            reason=f"{said} {number} · é",
            at=NOW,
            after={"number": number, "share": number / 8},
        )
        for number in range(count)
    ]
    with transaction.atomic():
        return append_entries(entries)


def sealer(folder: Path, clock: ManualClock | None = None, name: str = "one") -> Sealer:
    return Sealer(name, KEY, Memory(folder / "signed", KEY), clock or ManualClock(NOW))


def sealed(folder: Path, *batches: int) -> Sealer:
    """A log with one checkpoint after each batch."""
    made = sealer(folder)
    with as_sealer():
        made.take_lead()
        for batch in batches:
            write(batch)
            made.round()
            made.sign()
    return made


@contextmanager
def as_sealer() -> Iterator[None]:
    """Inside, Django's connection is that of the process that seals; outside of a transaction."""
    target = connections.settings["default"]
    before = target["USER"]
    connections["default"].close()
    target["USER"] = roles.SEALER
    try:
        yield
    finally:
        connections["default"].close()
        target["USER"] = before
