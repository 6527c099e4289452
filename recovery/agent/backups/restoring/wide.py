"""One file after another, past the page cache.

The kernel spends more of the CPU on a page there than opening and unpacking it takes, writes it
when it likes, and drops for it what the servers of this host live on.

Invariants: bytes come to lie in the order in which they were added, from a file's beginning on;
after `close` nobody writes any more.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

BUFFER = 8 << 20
"""Written at once; two of them, so that one fills while the other goes to the disk."""
WRITER = "files"
_ALIGNED = 4096


class Wide:
    """Of one thread at a time; each file is begun, added to, finished. `is_past`: the one that was
    begun last goes past the page cache; not every file system can."""

    def __init__(self) -> None:
        self._buffer, self._other = mmap.mmap(-1, BUFFER), mmap.mmap(-1, BUFFER)
        self._filled = 0
        self._handle: int | None = None
        self._writing: threading.Thread | None = None
        self._error: OSError | None = None
        self.is_past = True

    def begin(self, path: Path, mode: int) -> None:
        """Empty, whatever was there."""
        assert self._handle is None
        self._handle, self.is_past = _opened(path)
        os.fchmod(self._handle, mode)

    def add(self, data: memoryview) -> None:
        """Waits where the disk is too far behind."""
        assert self._handle is not None
        while data:
            size = min(len(data), BUFFER - self._filled)
            self._buffer[self._filled : self._filled + size] = data[:size]
            self._filled, data = self._filled + size, data[size:]
            if self._filled == BUFFER:
                self._start(partial(_write, self._handle, self._taken()))

    def finish(self) -> None:
        """Closed by whoever writes the last of it."""
        assert self._handle is not None
        self._start(partial(_write_last, self._handle, self._taken()))
        self._handle = None

    def wait(self) -> None:
        """What was finished is whole."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.join()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """What is not finished stays as it is."""
        if self._writing is not None:
            self._writing.join()
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _taken(self) -> memoryview:
        """What is in the buffer; the other one is filled next, for it is free by now."""
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


def _opened(path: Path) -> tuple[int, bool]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
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
