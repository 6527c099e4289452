"""The log's chunks into segments that a server reads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from recovery.agent.backups.restoring.wide import Wide, write_at
from recovery.core.archive import SEGMENT, Chunk, RestorePlan

_ZEROS = memoryview(bytes(1 << 20))


class Segments:
    """The log of a plan as files under `pg_wal`. Bytes beyond a timeline's switch are nobody's, so
    they are not laid out: a server would replay them where the next timeline has not come yet.

    What follows what came before goes past the page cache; what does not is put in its place
    afterwards. `lay`, `end` and `close` may be asked for by any thread."""

    def __init__(self, folder: Path, plan: RestorePlan) -> None:
        self._folder = folder
        self._ends = {each.parent: each.switch for each in plan.histories}
        self._begin = plan.name.start - plan.name.start % SEGMENT
        self._wide, self._turn = Wide(), threading.Lock()
        self._path: Path | None = None
        """That of the segment that grows, up to `_at`."""
        self._at = 0
        self._is_over = False

    def lay(self, chunk: Chunk, data: bytes | memoryview) -> int:
        """At its place; what it does not reach is zero. Gives how many of its bytes wait in the
        page cache."""
        start = max(chunk.start, self._begin)
        stop = min(chunk.stop, self._ends.get(chunk.timeline, chunk.stop))
        view, cached = memoryview(data), 0
        with self._turn:
            while start < stop and not self._is_over:
                offset = start % SEGMENT
                length = min(SEGMENT - offset, stop - start)
                begin = start - chunk.start
                path = self._folder / _name(chunk.timeline, start - offset)
                cached += self._write(path, offset, view[begin : begin + length])
                start += length
        return cached

    def end(self) -> None:
        """Everything that was laid is there."""
        with self._turn:
            self._finish()
            self._wide.wait()

    def close(self) -> None:
        """Nothing is written afterwards."""
        with self._turn:
            self._is_over = True
            self._wide.close()

    def _write(self, path: Path, offset: int, data: memoryview) -> int:
        if path != self._path:
            self._finish()
            if path.exists():
                return self._patch(path, offset, data)
            self._wide.begin(path, 0o600)
            self._path, self._at = path, 0
        if offset < self._at:
            self._finish()
            return self._patch(path, offset, data)
        self._fill(offset)
        self._wide.add(data)
        self._at = offset + len(data)
        return 0 if self._wide.is_past else len(data)

    def _fill(self, offset: int) -> None:
        while self._at < offset:
            size = min(len(_ZEROS), offset - self._at)
            self._wide.add(_ZEROS[:size])
            self._at += size

    def _finish(self) -> None:
        if self._path is not None:
            self._fill(SEGMENT)
            self._wide.finish()
            self._path = None

    def _patch(self, path: Path, offset: int, data: memoryview) -> int:
        self._wide.wait()
        handle = os.open(path, os.O_WRONLY)
        try:
            write_at(handle, data, offset)
        finally:
            os.close(handle)
        return len(data)


def _name(timeline: int, segment: int) -> str:
    low = (segment & 0xFFFFFFFF) // SEGMENT
    return f"{timeline:08X}{segment >> 32:08X}{low:08X}"
