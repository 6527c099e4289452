"""The numbers that a database acknowledged, on disk before the next one is tried.

Invariant: a number stands here only after its acknowledgement arrived, and no number is ever
tried twice: what was tried and not acknowledged stays unknown for ever.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

KEPT = 20_000
"""Newest numbers that are compared after a gap: half an hour of ten writes a second."""
_RUN = 1000
"""A new run begins at the next thousand: the one before may have tried numbers beyond its last."""


class Ledger:
    """One database's numbers. The file holds one a line; it is rewritten when it grew long."""

    def __init__(self, path: Path, kept: int = KEPT) -> None:
        self._path, self._kept = path, kept
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._numbers = deque(_read(path), maxlen=kept)
        self._tried = (max(self._numbers, default=0) // _RUN + 1) * _RUN if self._numbers else 0
        self._written = len(self._numbers)
        self._file = self._opened()

    @property
    def newest(self) -> int:
        """The last acknowledged number; 0: none yet."""
        return self._numbers[-1] if self._numbers else 0

    @property
    def floor(self) -> int:
        """Numbers above it are kept here."""
        return min(self._numbers, default=1) - 1

    def next(self) -> int:
        """A number that was never tried."""
        self._tried += 1
        return self._tried

    def acknowledge(self, number: int) -> None:
        """It was acknowledged: written down before anything else happens."""
        os.write(self._file, b"%d\n" % number)
        self._numbers.append(number)
        self._written += 1
        if self._written >= 2 * self._kept:
            self._shorten()

    def missing_from(self, present: set[int]) -> set[int]:
        """Acknowledged numbers that are not there."""
        return set(self._numbers) - present

    def close(self) -> None:
        os.close(self._file)

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _shorten(self) -> None:
        beside = self._path.with_suffix(".new")
        beside.write_text("".join(f"{number}\n" for number in self._numbers))
        beside.replace(self._path)
        os.close(self._file)
        self._file, self._written = self._opened(), len(self._numbers)


def _read(path: Path) -> list[int]:
    """What the file holds; a last line that a crash cut short was never told to anybody."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [int(line) for line in lines if line.isdigit()]
