"""What an archive holds, as files. Large ones go past the page cache: the kernel spends more of the
CPU on a page there than opening and unpacking it takes, writes it when it likes, and drops for it
what the servers of this host live on.

Invariants: nothing is written outside of the folder; after `close` nobody writes any more, however
it was left.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from tarfile import TarInfo

from recovery.agent.backups.restoring.tarred import BadTar, Tarred

BUFFER = 8 << 20
"""Written at once; two of them, so that one fills while the other goes to the disk."""
LARGE = 1 << 20
"""Smaller files are better left to the page cache, which waits for no disk."""
_ALIGNED = 4096
WRITER = "files"


class Files:
    """Of one archive, below `folder`. `lay`, `end` and `close` may be asked for by any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._tarred = folder, Tarred()
        self._turn = threading.Lock()
        self._wide = _Wide()
        self._handle: int | None = None
        self._left = 0
        self._is_wide = self._is_over = False

    def lay(self, piece: bytes) -> int:
        """Gives how many of its bytes wait in the page cache."""
        cached = 0
        with self._turn:
            if self._is_over:
                return 0
            for found in self._tarred.read(piece):
                if isinstance(found, TarInfo):
                    self._begin(found)
                    continue
                if not self._is_wide:
                    cached += len(found)
                self._add(found)
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
            handle, self._handle = self._handle, None
            if handle is not None:
                os.close(handle)

    def _begin(self, member: TarInfo) -> None:
        path = self._folder / _within(member.name)
        mode = member.mode & 0o777
        if member.isdir():
            path.mkdir(exist_ok=True)
            path.chmod(mode)
            return
        if not member.isreg():
            raise BadTar(f"{member.name} is neither a file nor a folder")
        self._handle, self._is_wide = _opened(path, is_wide=member.size >= LARGE)
        os.fchmod(self._handle, mode)
        self._left = member.size
        if not member.size:
            self._finish()

    def _add(self, data: memoryview) -> None:
        assert self._handle is not None
        self._left -= len(data)
        if self._is_wide:
            self._wide.add(self._handle, data)
        else:
            _write(self._handle, data)
        if not self._left:
            self._finish()

    def _finish(self) -> None:
        assert self._handle is not None
        if self._is_wide:
            self._wide.finish(self._handle)
        else:
            os.close(self._handle)
        self._handle = None


class _Wide:
    """One file after another through two buffers, past the page cache."""

    def __init__(self) -> None:
        self._buffer, self._other = mmap.mmap(-1, BUFFER), mmap.mmap(-1, BUFFER)
        self._filled = 0
        self._writing: threading.Thread | None = None
        self._error: Exception | None = None

    def add(self, handle: int, data: memoryview) -> None:
        """The next bytes of that file."""
        while data:
            size = min(len(data), BUFFER - self._filled)
            self._buffer[self._filled : self._filled + size] = data[:size]
            self._filled, data = self._filled + size, data[size:]
            if self._filled == BUFFER:
                self._start(partial(_write, handle, self._taken()))

    def finish(self, handle: int) -> None:
        """It has no more of them, and is closed by whoever writes the last."""
        self._start(partial(_write_last, handle, self._taken()))

    def wait(self) -> None:
        """Until what is being written is."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.join()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        if self._writing is not None:
            self._writing.join()

    def _taken(self) -> memoryview:
        """What is in the buffer; the other one is filled next, when it is free."""
        self.wait()
        taken = memoryview(self._buffer)[: self._filled]
        self._buffer, self._other, self._filled = self._other, self._buffer, 0
        return taken

    def _start(self, act: Callable[[], None]) -> None:
        self._writing = threading.Thread(target=self._do, args=(act,), name=WRITER, daemon=True)
        self._writing.start()

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self._error = error


def _within(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BadTar(f"{name} would lie outside")
    return path


def _opened(path: Path, *, is_wide: bool) -> tuple[int, bool]:
    """Whether it is past the page cache, too: not every file system can."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    if is_wide:
        try:
            return os.open(path, flags | os.O_DIRECT, 0o600), True
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
    return os.open(path, flags, 0o600), False


def _write(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _write_last(handle: int, data: memoryview) -> None:
    """Past the page cache only whole blocks can be written; what is left goes through it."""
    try:
        whole = len(data) - len(data) % _ALIGNED
        _write(handle, data[:whole])
        flags = fcntl.fcntl(handle, fcntl.F_GETFL)
        fcntl.fcntl(handle, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        _write(handle, data[whole:])
    finally:
        os.close(handle)
