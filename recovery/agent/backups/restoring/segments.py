"""The log's chunks into segments that a server reads."""

from __future__ import annotations

import os
from pathlib import Path

from recovery.core.archive import SEGMENT, Chunk, RestorePlan


class Segments:
    """The log of a plan as files under `pg_wal`. Bytes beyond a timeline's switch are nobody's, so
    they are not laid out: a server would replay them where the next timeline has not come yet.

    They stay in the page cache, for they are read next: written past it, the CPU is spent by the
    server that reads them back, which waits for the disk besides."""

    def __init__(self, folder: Path, plan: RestorePlan) -> None:
        self._folder = folder
        self._ends = {each.parent: each.switch for each in plan.histories}
        self._begin = plan.name.start - plan.name.start % SEGMENT

    def lay(self, chunk: Chunk, data: bytes) -> None:
        """At its place; what it does not reach stays zero."""
        start = max(chunk.start, self._begin)
        stop = min(chunk.stop, self._ends.get(chunk.timeline, chunk.stop))
        view = memoryview(data)
        while start < stop:
            offset = start % SEGMENT
            length = min(SEGMENT - offset, stop - start)
            begin = start - chunk.start
            self._write(chunk.timeline, start - offset, offset, view[begin : begin + length])
            start += length

    def _write(self, timeline: int, segment: int, offset: int, data: memoryview) -> None:
        low = (segment & 0xFFFFFFFF) // SEGMENT
        name = f"{timeline:08X}{segment >> 32:08X}{low:08X}"
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, SEGMENT)
            os.pwrite(handle, data, offset)
        finally:
            os.close(handle)
