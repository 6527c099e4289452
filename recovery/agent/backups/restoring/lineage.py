"""Which timeline a restored server replays, which one it begins, and where it did.

PostgreSQL takes the first number for which it finds no history file. A database that is restored
from before a failover, or for the second time, would take a number that its archive has already
for another history, and the two could never be told apart. So numbers that are taken anywhere are
marked as such while it recovers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recovery.core.archive import SEGMENT, Replay, RestorePlan, replay_of
from recovery.core.ports import EngineFailed

MOST = 512
"""Nobody failed over so often in between: a higher number is a wrong word."""
_PAGE, _SHORT, _LONG = 8192, 24, 40
"""A page of the log, its head, and that of a segment's first."""
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


def replayed(folder: Path, timeline: int) -> Replay:
    """`folder`: the server's `pg_wal`; `timeline`: the one that it began."""
    try:
        text = (folder / f"{timeline:08X}.history").read_text()
        parent = int(text.strip().splitlines()[-1].split()[0])
        end = replay_of(text).end
        return replay_of(text, _rest(folder, parent, end))
    except (OSError, ValueError, IndexError) as error:
        raise EngineFailed(f"where its replay ended cannot be read: {error}") from error


def _rest(folder: Path, timeline: int, end: int) -> int | None:
    """How long the record is that begins there on the old timeline, by its own first word; None
    where that segment is gone by now."""
    segment = end - end % SEGMENT
    low = (segment & 0xFFFFFFFF) // SEGMENT
    path = folder / f"{timeline:08X}{segment >> 32:08X}{low:08X}"
    head = 0 if end % _PAGE else (_SHORT if end % SEGMENT else _LONG)
    try:
        with path.open("rb") as file:
            file.seek(end - segment + head)
            return int.from_bytes(file.read(4), "little")
    except FileNotFoundError:
        return None
