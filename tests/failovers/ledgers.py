"""The writers' own ledgers, watched from outside: they go on while all of Tocsin is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.stack import stopwatch

EVERY = 0.02


@dataclass(slots=True)
class Ledger:
    """One file: when it last grew, and its longest time without, which began at `stopped`."""

    path: Path
    size: int = 0
    grew_at: float = 0.0
    longest: float = 0.0
    stopped: float = 0.0
    grew: list[tuple[int, float]] = field(default_factory=list)

    def look(self, now: float) -> None:
        if (size := self.path.stat().st_size) != self.size:
            if now - self.grew_at > self.longest:
                self.longest, self.stopped = now - self.grew_at, self.grew_at
            self.size, self.grew_at = size, now
            self.grew.append((size, now))

    def lost(self, missing: set[int]) -> float:
        """Seconds of writes before the longest gap that these numbers were."""
        upto = 0
        for line in self.path.read_bytes().splitlines(keepends=True):
            upto += len(line)
            if int(line) in missing:
                first = next(at for size, at in self.grew if size >= upto)
                return max(self.stopped - first, 0.0)
        return 0.0


@dataclass(slots=True)
class Ledgers:
    """`stall`: the longest time for which this watcher itself was not let to look: whatever
    stood still for so long need not have been a database."""

    known: Mapping[str, Ledger]
    stall: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        last = stopwatch()
        while not self._stop.wait(EVERY):
            now = stopwatch()
            self.stall, last = max(self.stall, now - last - EVERY), now
            for ledger in self.known.values():
                ledger.look(now)

    def stop(self) -> None:
        self._stop.set()

    def last(self, name: str) -> float:
        """When the newest acknowledgement was written down."""
        return self.known[name].grew_at

    def longest(self) -> dict[str, float]:
        """Each database's longest time without an acknowledgement, one that lasts included."""
        now = stopwatch()
        return {
            name: max(ledger.longest, now - ledger.grew_at) for name, ledger in self.known.items()
        }


@contextmanager
def watching(folder: Path) -> Iterator[Ledgers]:
    """Inside, every ledger of this lab is looked at, fifty times a second."""
    began = stopwatch()
    known = {
        path.stem: Ledger(path, path.stat().st_size, began) for path in folder.glob("*.ledger")
    }
    ledgers = Ledgers(known)
    thread = threading.Thread(target=ledgers.watch, name="ledgers", daemon=True)
    thread.start()
    try:
        yield ledgers
    finally:
        ledgers.stop()
        thread.join(10)
