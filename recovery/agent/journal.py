"""The agent's memory of orders: written and fsynced before the act (B5, B8).

Invariant: an operation key is in the file before its order has any effect; its outcome is
in the file before it is told to anyone; the highest epoch ever seen never falls.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recovery.agent.disk import sync_folder, write_atomic
from recovery.core.wire import DatabaseOrder, Order, Outcome

KEPT_OPERATIONS = 500
_COMPACT_AT = 4 * KEPT_OPERATIONS


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of the file: an intent (`order`), an outcome, or only an epoch."""

    epoch: int
    boot: str = ""
    order: Order | DatabaseOrder | None = None
    outcome: Outcome | None = None


@dataclass(slots=True)
class Entry:
    """What is known of one operation. `seen` is this boot's clock when its outcome came."""

    order: Order | DatabaseOrder
    boot: str
    outcome: Outcome | None = None
    seen: float = 0.0


class Journal:
    """The file and its picture in memory. Its writers block on the disk: call them in a thread."""

    def __init__(self, path: Path, boot: str) -> None:
        self._path = path
        self._boot = boot
        self._lines = 0
        self.epoch = 0
        self.entries: dict[str, Entry] = {}
        self._load()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        sync_folder(path.parent)

    def outcome_of(self, operation: str) -> Outcome | None:
        entry = self.entries.get(operation)
        return entry.outcome if entry else None

    def open_entries(self) -> list[Entry]:
        """Intents without an outcome: a crash fell between the two."""
        return [entry for entry in self.entries.values() if entry.outcome is None]

    def raise_epoch(self, epoch: int) -> None:
        if epoch > self.epoch:
            self._append(Line(epoch=epoch))
            self.epoch = epoch

    def intend(self, order: Order | DatabaseOrder) -> None:
        """The order is durable when this returns."""
        self._append(Line(epoch=order.epoch, boot=self._boot, order=order))
        self.entries[order.operation] = Entry(order, self._boot)
        self.epoch = max(self.epoch, order.epoch)

    def finish(self, outcome: Outcome, now: float) -> None:
        """The outcome is durable when this returns."""
        self._append(Line(epoch=outcome.epoch, outcome=outcome))
        entry = self.entries[outcome.operation]
        entry.outcome, entry.seen = outcome, now
        if self._lines > _COMPACT_AT:
            self._compact()

    def close(self) -> None:
        os.close(self._file)

    def _append(self, line: Line) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        os.fsync(self._file)
        self._lines += 1

    def _load(self) -> None:
        """Reads the whole lines; a torn last one was never acted upon and is cut off."""
        if not self._path.exists():
            return
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.truncate(self._path, len(whole))
        decoder = msgspec.json.Decoder(Line)
        for raw in whole.splitlines():
            self._take(decoder.decode(raw))

    def _take(self, line: Line) -> None:
        self._lines += 1
        self.epoch = max(self.epoch, line.epoch)
        if line.order is not None:
            self.entries[line.order.operation] = Entry(line.order, line.boot)
        elif line.outcome is not None and line.outcome.operation in self.entries:
            self.entries[line.outcome.operation].outcome = line.outcome

    def _compact(self) -> None:
        """Keeps the newest operations, all open ones, and the epoch."""
        newest = list(self.entries)[-KEPT_OPERATIONS:]
        kept = {k: e for k, e in self.entries.items() if e.outcome is None} | {
            key: self.entries[key] for key in newest
        }
        lines = [Line(epoch=self.epoch)]
        for entry in kept.values():
            lines.append(Line(epoch=entry.order.epoch, boot=entry.boot, order=entry.order))
            if entry.outcome is not None:
                lines.append(Line(epoch=entry.outcome.epoch, outcome=entry.outcome))
        write_atomic(self._path, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        os.close(self._file)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND, 0o600)
        self.entries, self._lines = kept, len(lines)
