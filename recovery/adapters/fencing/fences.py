"""What was fenced here, on the disk: a closed gate stays closed over every restart (B5)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from recovery.agent.disk import write_atomic


class Fences:
    """Replica → the highest epoch at which its gate was closed for good. Its writer blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._epochs: dict[str, int] = {}
        if path.exists():
            self._epochs = msgspec.json.decode(path.read_bytes(), type=dict[str, int])

    def epoch(self, replica: str) -> int:
        """0 where it was never fenced."""
        return self._epochs.get(replica, 0)

    def raise_to(self, replica: str, epoch: int) -> None:
        """Durable when this returns."""
        if epoch <= self.epoch(replica):
            return
        epochs = self._epochs | {replica: epoch}
        write_atomic(self._path, msgspec.json.encode(epochs))
        self._epochs = epochs
