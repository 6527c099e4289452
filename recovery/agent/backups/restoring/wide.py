"""Files past the page cache, begun one after another, their buffers written side by side.

The kernel spends more of the CPU on a page there than opening and unpacking it takes, writes it
when it likes, and drops for it what the servers of this host live on.

Invariants: bytes come to lie where they belong, from a file's beginning on; a file is closed when
all of it is written; after `close` nobody writes any more.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from pathlib import Path
from queue import SimpleQueue

BUFFER = 8 << 20
"""Written at once."""
WRITER = "files"
_WRITERS = 2
"""A disk that was given one thing at a time idles in between. One buffer more fills meanwhile."""
_ALIGNED = 4096


class _File:
    """`left`: how many of its buffers are not written; None as `tail`: more will come."""

    def __init__(self, handle: int) -> None:
        self.handle, self.size, self.left = handle, 0, 0
        self.tail: bytes | None = None


_Job = tuple[_File, mmap.mmap, int, int]
"""A buffer, how much of it, and where that belongs."""


class Wide:
    """Of one thread at a time; each file is begun, added to, finished. `is_past`: the one that was
    begun last goes past the page cache; not every file system can."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._jobs, self._free = SimpleQueue[_Job | None](), SimpleQueue[mmap.mmap]()
        self._writing: list[threading.Thread] = []
        self._file: _File | None = None
        self._buffer: mmap.mmap | None = None
        self._filled = self._pending = 0
        self._error: OSError | None = None
        self._is_over = False
        self.is_past = True

    def begin(self, path: Path, mode: int) -> None:
        """Empty, whatever was there."""
        assert self._file is None
        handle, self.is_past = _opened(path)
        self._file = _File(handle)
        os.fchmod(handle, mode)

    def add(self, data: memoryview) -> None:
        """Waits where the disk is too far behind."""
        assert self._file is not None
        while data:
            if self._buffer is None:
                self._buffer = self._free_one()
            size = min(len(data), BUFFER - self._filled)
            self._buffer[self._filled : self._filled + size] = data[:size]
            self._filled, data = self._filled + size, data[size:]
            if self._filled == BUFFER:
                self._put(self._file, BUFFER)

    def finish(self) -> None:
        """Closed by whoever writes the last of it."""
        assert self._file is not None
        file, self._file = self._file, None
        whole = self._filled - self._filled % _ALIGNED
        tail = self._buffer[whole : self._filled] if self._buffer else b""
        with self._turn:
            file.left += 1
            file.tail = tail
        if self._buffer is not None:
            self._put(file, whole)
        self._written(file)

    def wait(self) -> None:
        """What was finished is whole."""
        with self._turn:
            self._turn.wait_for(lambda: not self._pending)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """What is not finished stays as it is."""
        self._is_over = True
        for _ in self._writing:
            self._jobs.put(None)
        for each in self._writing:
            each.join()
        file, self._file = self._file, None
        if file is not None:
            os.close(file.handle)

    def _free_one(self) -> mmap.mmap:
        """Raises what befell those that were written."""
        if len(self._writing) < _WRITERS:
            each = threading.Thread(target=self._write_all, name=WRITER, daemon=True)
            self._writing.append(each)
            each.start()
            self._free.put(mmap.mmap(-1, BUFFER))
            if len(self._writing) == 1:
                self._free.put(mmap.mmap(-1, BUFFER))
        found = self._free.get()
        if self._error is not None:
            raise self._error
        return found

    def _put(self, file: _File, size: int) -> None:
        assert self._buffer is not None
        with self._turn:
            file.left += 1
            self._pending += 1
        self._jobs.put((file, self._buffer, size, file.size))
        file.size += size
        self._buffer, self._filled = None, 0

    # ------------------------------------------------------------------ in its threads

    def _write_all(self) -> None:
        while job := self._jobs.get():
            file, buffer, size, place = job
            self._do(file, memoryview(buffer)[:size], place)
            self._free.put(buffer)
            self._written(file)
            with self._turn:
                self._pending -= 1
                self._turn.notify_all()

    def _do(self, file: _File, data: memoryview, place: int) -> None:
        """Nothing any more where one before could not be written, or nobody wants it."""
        try:
            if self._error is None and not self._is_over:
                write_at(file.handle, data, place)
        except OSError as error:
            self._error = error

    def _written(self, file: _File) -> None:
        """One of its buffers; the last one closes it."""
        with self._turn:
            file.left -= 1
            if file.left or file.tail is None:
                return
        try:
            if file.tail:
                _leave_direct(file.handle)
                self._do(file, memoryview(file.tail), file.size)
            os.close(file.handle)
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


def write_at(handle: int, data: memoryview, place: int) -> None:
    """All of it: a disk may take less at a time."""
    while data:
        size = os.pwrite(handle, data, place)
        data, place = data[size:], place + size


def _leave_direct(handle: int) -> None:
    """Past the page cache only whole blocks can be written; what is left goes through it."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    fcntl.fcntl(handle, fcntl.F_SETFL, flags & ~os.O_DIRECT)
