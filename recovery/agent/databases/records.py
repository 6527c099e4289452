"""What a host must never forget of a replica: highest epoch, role, promises (B5, B6).

Invariant: durable before anything follows from it; the epoch never falls. BOOTTIME begins anew
with each boot, so what was counted on it is carried over as `Promises.after_boot` says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from recovery.agent.databases.letters import Question
from recovery.agent.disk import private_folder, write_atomic
from recovery.core.leases import NEVER, Promises
from recovery.core.wire import DatabaseOrder, DatabaseSpec, ReplicaRole

T = TypeVar("T")
_NEVER = -1e18
"""JSON has no infinity: this stands for `NEVER` on the disk."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`spec`: the newest that was obeyed, of `epoch`. `role`: what its data are (a start follows
    from that); "out" until there are any. `led`: the epoch in which it became a primary. `heard`:
    asker → (incarnation, number) of its newest question. `alone`: rows that only it had. `apart`:
    the epoch in which a standby was set apart, 0: it was not, or follows since."""

    epoch: int = 0
    spec: DatabaseSpec | None = None
    role: ReplicaRole = "out"
    led: int = 0
    boot: str = ""
    promises: Promises = Promises()
    heard: dict[str, tuple[int, int]] = {}
    alone: str = ""
    apart: int = 0

    @property
    def is_overtaken(self) -> bool:
        """Others led while it was set apart: what it was sent before, nobody may have but it."""
        return 0 < self.apart < self.epoch


class Records:
    """The records of one host. Its writers block on the disk: call them in a thread."""

    def __init__(self, folder: Path, boot: str, now: float) -> None:
        self.folder = private_folder(folder)
        self._boot = boot
        self.incarnation = self._count_start()
        self._turns: dict[str, threading.Lock] = {}
        self._records = {
            path.parent.name: self._read(path, now) for path in folder.glob("*/record.json")
        }

    def replicas(self) -> tuple[str, ...]:
        return tuple(self._records)

    def folder_of(self, replica: str) -> Path:
        return private_folder(self.folder / replica)

    def get(self, replica: str) -> Record:
        return self._records.get(replica) or Record(boot=self._boot)

    def decide(self, replica: str, judge: Callable[[Record], tuple[Record, T]]) -> T:
        """What `judge` makes of the newest record, which is durable when this returns, and what it
        says. One after the other: a promise and who takes it over never start from one record."""
        with self._turn(replica):
            record, said = judge(self.get(replica))
            self._put(replica, record)
            return said

    def _put(self, replica: str, record: Record) -> None:
        if record == self._records.get(replica):
            return
        kept = msgspec.structs.replace(record, boot=self._boot)
        promises = replace(kept.promises, until=max(kept.promises.until, _NEVER))
        written = msgspec.structs.replace(kept, promises=promises)
        write_atomic(self.folder_of(replica) / "record.json", msgspec.json.encode(written))
        self._records[replica] = kept

    def _turn(self, replica: str) -> threading.Lock:
        return self._turns.setdefault(replica, threading.Lock())

    def retire(self, replica: str) -> None:
        """Not to be taken up again at the next start; its data stay where they are."""
        with self._turn(replica):
            path = self.folder_of(replica) / "record.json"
            if path.exists():
                path.rename(path.with_name("record.retired.json"))
            self._records.pop(replica, None)

    def _read(self, path: Path, now: float) -> Record:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        if record.promises.until <= _NEVER:
            promises = replace(record.promises, until=NEVER)
            record = msgspec.structs.replace(record, promises=promises)
        if record.boot == self._boot:
            return record
        promises = record.promises.after_boot(now)
        return msgspec.structs.replace(record, boot=self._boot, promises=promises)

    def _count_start(self) -> int:
        """The incarnation of this life of the agent: numbers of renewals begin again with it."""
        path = self.folder / "starts"
        count = int(path.read_text()) + 1 if path.exists() else 1
        write_atomic(path, str(count).encode())
        return count


# ------------------------------------------------------------------ what follows from a record


def learned(spec: DatabaseSpec, record: Record) -> tuple[Record, bool]:
    """A newer spec was seen; one of a lower epoch than the highest known is late."""
    if spec.epoch < record.epoch:
        return record, False
    promises, apart = record.promises.learn(spec.epoch), record.apart
    was_fenced = spec.role == "out" or record.epoch < spec.checked_below
    if was_fenced and record.role == "standby" and not apart:
        apart = record.epoch
    change = msgspec.structs.replace(
        record, epoch=spec.epoch, spec=spec, promises=promises, apart=apart
    )
    return change, True


def promised(question: Question, now: float, record: Record) -> tuple[Record, str]:
    """A primary's agent asks. Why it is promised nothing; empty: it is."""
    asked = (question.incarnation, question.number)
    if asked <= record.heard.get(question.replica, (0, 0)):
        return record, "this question came before"
    heard = record.heard | {question.replica: asked}
    known = msgspec.structs.replace(record, heard=heard)
    if not question.span:
        return known, ""
    if record.role == "primary" and record.led >= question.epoch:
        return record, f"it is primary itself, in epoch {record.led}"
    promises, why = record.promises.ask(epoch=question.epoch, span=question.span, now=now)
    return msgspec.structs.replace(known, promises=promises), why


def taken_over(order: DatabaseOrder, record: Record) -> tuple[Record, Promises]:
    """Promises end below the order's epoch, or are given again by who took them over by name."""
    promises, epoch = record.promises, order.database.epoch
    if order.give_again:
        # its epoch comes with it: whoever leads by now, nobody below is promised anything
        promises = promises.learn(epoch).give_again(order.give_again)
    if order.take_over:
        promises = promises.take_over(epoch, order.by)
    return msgspec.structs.replace(record, promises=promises), promises


def taken_for_good(epoch: int, record: Record) -> tuple[Record, Promises]:
    """An order to lead in `epoch` ends the giving below it, whatever comes of the order."""
    promises = record.promises.take_over(epoch)
    return msgspec.structs.replace(record, promises=promises), promises
