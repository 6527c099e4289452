"""What an archive holds, as files.

Invariants: nothing is written outside of the folder; after `close` nobody writes any more, however
it was left.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path, PurePosixPath
from tarfile import TarInfo

from recovery.agent.backups.restoring.tarred import BadTar, Tarred
from recovery.agent.backups.restoring.wide import Wide

LARGE = 1 << 20
"""Smaller files are better left to the page cache, which waits for no disk."""


class Files:
    """Of one archive, below `folder`. `lay`, `end` and `close` may be asked for by any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._tarred, self._wide = folder, Tarred(), Wide()
        self._turn = threading.Lock()
        self._handle: int | None = None
        """Of a small file."""
        self._left = 0
        self._is_small = self._is_over = False

    def lay(self, piece: bytes | memoryview) -> int:
        """Gives how many of its bytes wait in the page cache."""
        cached = 0
        with self._turn:
            if self._is_over:
                return 0
            for found in self._tarred.read(piece):
                if isinstance(found, TarInfo):
                    self._begin(found)
                else:
                    self._add(found)
                    cached += len(found) if self._is_cached else 0
        return cached

    def end(self) -> None:
        """The archive has ended and is whole, and so are its files."""
        with self._turn:
            self._tarred.end()
            self._wide.wait()

    def close(self) -> None:
        """Nothing is written afterwards."""
        with self._turn:
            self._is_over = True
            self._wide.close()
            self._finish_small()

    @property
    def _is_cached(self) -> bool:
        """The file that was begun last."""
        return self._is_small or not self._wide.is_past

    def _begin(self, member: TarInfo) -> None:
        path = self._folder / _within(member.name)
        mode = member.mode & 0o777
        if member.isdir():
            path.mkdir(exist_ok=True)
            path.chmod(mode)
            return
        if not member.isreg():
            raise BadTar(f"{member.name} is neither a file nor a folder")
        self._left, self._is_small = member.size, member.size < LARGE
        if self._is_small:
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.fchmod(self._handle, mode)
            if not member.size:
                self._finish_small()
        else:
            self._wide.begin(path, mode)

    def _add(self, data: memoryview) -> None:
        self._left -= len(data)
        if self._handle is None:
            self._wide.add(data)
            if not self._left:
                self._wide.finish()
            return
        while data:
            data = data[os.write(self._handle, data) :]
        if not self._left:
            self._finish_small()

    def _finish_small(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _within(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BadTar(f"{name} would lie outside")
    return path
