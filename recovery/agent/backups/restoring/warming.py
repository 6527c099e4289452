"""The log into the page cache, ahead of the server that replays it.

It is written past the cache. A server replays in one process: what it had to wait for, and the
pages that it had to make room for, would lengthen the replay, while another core idles.

Invariants: it only reads; it is never further ahead than `AHEAD`, and what was replayed is let go,
so a log of any length takes no more of the cache than that, and a segment.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from recovery.adapters.backups.threads import in_thread
from recovery.core.archive import SEGMENT

AHEAD = 192 << 20
"""Of the position that was told last: a server tells it ten times a second."""
READER = "warming"
_STEP = 1 << 20
_NAME = 24


class Acts:
    """Upon one file, for the sake of the page cache alone."""

    def read(self, path: Path) -> None:
        """A segment at once: larger reads take larger pages."""
        buffer = bytearray(_STEP)
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    def let_go(self, path: Path) -> None:
        """Its pages are the next one's."""
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Warming:
    """Of the segments in `folder`, in the order in which they are replayed."""

    def __init__(self, folder: Path, acts: Acts | None = None) -> None:
        self._folder, self._acts = folder, acts or Acts()
        self._turn = threading.Condition()
        self._upto = 0
        self._is_over = False
        self._reading = threading.Thread(target=self._read_all, name=READER, daemon=True)

    async def __aenter__(self) -> Self:
        self._reading.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nobody reads afterwards."""
        with self._turn:
            self._is_over = True
            self._turn.notify()
        await in_thread(self._reading.join, "warmed")

    def replayed(self, position: int) -> None:
        """So far."""
        with self._turn:
            self._upto = max(self._upto, position)
            self._turn.notify()

    # ------------------------------------------------------------------ in its thread

    def _read_all(self) -> None:
        """What cannot be read is the server's to tell; what it took away it has replayed."""
        warm: deque[tuple[int, Path]] = deque()
        with contextlib.suppress(OSError):
            for start, path in segments_in(self._folder):
                if not warm:
                    self.replayed(start)
                warm.append((start, path))
                if not self._may_read(start):
                    return
                with contextlib.suppress(FileNotFoundError):
                    self._acts.read(path)
                while warm and warm[0][0] + SEGMENT <= self._upto:
                    with contextlib.suppress(FileNotFoundError):
                        self._acts.let_go(warm.popleft()[1])

    def _may_read(self, start: int) -> bool:
        """Waits until the replay has come near; False: it has ended."""
        with self._turn:
            self._turn.wait_for(lambda: self._is_over or start < self._upto + AHEAD)
            return not self._is_over


def segments_in(folder: Path) -> Iterator[tuple[int, Path]]:
    """With the positions at which they begin; of two timelines the older one first."""
    found = [path for path in folder.iterdir() if len(path.name) == _NAME]
    for path in sorted(found, key=lambda path: (path.name[8:], path.name)):
        with contextlib.suppress(ValueError):
            yield (int(path.name[8:16], 16) << 32) + int(path.name[16:], 16) * SEGMENT, path
