"""Waits for a synchronous standby that a client cancelled, counted from the server's log.

Such a write is reported as a success with a warning, and may be on no standby (I-DB-2).
"""

from __future__ import annotations

from pathlib import Path

_SIGNS = (
    b"canceling wait for synchronous replication",
    b"canceling the wait for synchronous replication",
)


class CancelledWaits:
    """Reads on from where it stopped; a log that became shorter is a new one."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0
        self._found = 0

    def count(self) -> int:
        """All of them since the log began."""
        try:
            size = self._log.stat().st_size
        except FileNotFoundError:
            return self._found
        if size < self._read:
            self._read = 0
        if size == self._read:
            return self._found
        with self._log.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._found += any(sign in line for sign in _SIGNS)
        return self._found
