"""Where a restored server's replay ended, as its own files have it."""

from __future__ import annotations

from pathlib import Path

from recovery.core.archive import SEGMENT, Replay, replay_of
from recovery.core.ports import EngineFailed

_PAGE, _SHORT, _LONG = 8192, 24, 40
"""A page of the log, its head, and that of a segment's first."""


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
