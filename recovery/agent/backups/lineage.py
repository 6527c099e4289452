"""Which timeline a restored server replays, and which one it begins.

PostgreSQL takes the first number for which it finds no history file. A database that is restored
from before a failover, or for the second time, would take a number that its archive has already
for another history, and the two could never be told apart. So numbers that are taken anywhere are
marked as such while it recovers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recovery.core.archive import RestorePlan

MOST = 512
"""Nobody failed over so often in between: a higher number is a wrong word."""
_MARK = b"# Taken by another history of this database.\n"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Of one restore. `taken`: the highest timeline that is known of its database."""

    plan: RestorePlan
    taken: int

    @property
    def target(self) -> str:
        """The timeline to be replayed, as the server is told: that at the end of the plan."""
        histories = self.plan.histories
        return str(histories[-1].timeline) if histories else "current"

    def reserve(self, folder: Path) -> None:
        """`folder`: the server's `pg_wal`."""
        for path in self._marks(folder):
            if not path.exists():
                path.write_bytes(_MARK)
                path.chmod(0o600)

    def clear(self, folder: Path) -> None:
        """What was only a mark is no history."""
        for path in self._marks(folder):
            if path.exists() and path.read_bytes() == _MARK:
                path.unlink()

    def _marks(self, folder: Path) -> Iterator[Path]:
        histories = self.plan.histories
        last = histories[-1].timeline if histories else self.plan.name.timeline
        for timeline in range(last + 1, min(self.taken, last + MOST) + 1):
            yield folder / f"{timeline:08X}.history"
