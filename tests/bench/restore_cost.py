"""What a restore spends of the CPU for each byte, and how it went: beside how long it took."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec
import psutil

from recovery.agent.backups.progress import Progress


@dataclass(frozen=True)
class Cpu:
    """Seconds of it: of this process and what it started and saw end, and of the store's. What the
    kernel does by itself afterwards is in neither."""

    own: float = 0.0
    store: float = 0.0

    @property
    def all(self) -> float:
        return self.own + self.store

    def less(self, before: Cpu) -> Cpu:
        return Cpu(self.own - before.own, self.store - before.store)


class Meter:
    """Reads what was spent so far."""

    def __init__(self, store: int) -> None:
        """`store`: the number of its process, which in production is on another machine."""
        self._store = psutil.Process(store)

    def read(self) -> Cpu:
        mine = resource.getrusage(resource.RUSAGE_SELF)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        theirs = self._store.cpu_times()
        own = sum(each.ru_utime + each.ru_stime for each in (mine, ended))
        return Cpu(own, theirs.user + theirs.system)


@dataclass
class Watched(Progress):
    """Knows what was spent until everything was safe on the disk."""

    read: Callable[[], Cpu] = Cpu
    spent: Cpu = Cpu()

    def begin(self, phase: str, *, total: int, replay: int, log: int = 0) -> None:
        super().begin(phase, total=total, replay=replay, log=log)
        self.spent = self.read()

    def brought(self) -> None:
        super().brought()
        self.spent = self.read().less(self.spent)

    def trace(self, end: float) -> bytes:
        """Everything that words about its end are made of, to try other words on."""
        mine = {"read", "spent", "measured"}
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        known = {name: value for name, value in known.items() if name not in mine}
        paces = self.measured.paces
        return msgspec.json.encode({"end": end, "paces": paces, **known})


def bound(costs: list[Cpu], size: int, *, is_store_here: bool = True) -> float:
    """Bytes a second that these cores can do at most where every byte goes through all of that."""
    spent = sum(each.all if is_store_here else each.own for each in costs)
    return size * (os.cpu_count() or 1) / max(1e-9, spent)


def keep(trace: bytes) -> None:
    """TRACES=FILE: a line for each restore."""
    if "TRACES" in os.environ:
        with Path(os.environ["TRACES"]).open("ab") as out:
            out.write(trace + b"\n")
