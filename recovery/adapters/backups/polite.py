"""A folder that shares its disk with a database, and leaves it a reserve.

Invariant: nothing is written that would leave less than the reserve free, so whatever is archived
here is never what fills the disk of the database; its log waits in the server, up to its bound.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.core.ports import StoreFull

RESERVE = 1 << 30
SHARE = 0.05


def reserve_of(total: int, share: float) -> int:
    """Bytes that a disk of so many leaves to others."""
    return min(RESERVE, int(total * share))


class PoliteStore(DirectoryStore):
    """`whose`: to whom the reserve is left, for people; `beside`: where its data are. `share`: of
    the disk, at most a GiB of it."""

    def __init__(
        self, name: str, folder: Path, *, whose: str, beside: Path, share: float = SHARE
    ) -> None:
        super().__init__(name, folder)
        self._whose, self._beside, self._share = whose, beside, share

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        free, reserve = await self._left()
        if free - len(data) < reserve:
            raise StoreFull(
                f"{self.name}: {free >> 20} MiB are free, and {reserve >> 20} MiB are left to "
                f"{self._whose}.",
                kept="What was there is untouched.",
                todo="Free space there.",
            )
        await super().put(name, data, lock_until=lock_until)

    async def room(self) -> int:
        """Beside the reserve."""
        free, reserve = await self._left()
        return max(0, free - reserve)

    async def reserve(self) -> int:
        return (await self._left())[1]

    async def is_pressing(self) -> bool:
        """Whether a quarter of the reserve is used: on a disk that the database shares, its log is
        held back for us no longer. The rest is what it takes until its next checkpoint."""
        free, reserve = await self._left()
        return free < reserve * 3 // 4 and await self._do(self._is_shared)

    async def _left(self) -> tuple[int, int]:
        free, total = await self.disk()
        return free, reserve_of(total, self._share)

    def _is_shared(self) -> bool:
        return self._beside.exists() and _device(self._beside) == _device(self.folder)


def _device(folder: Path) -> int:
    return folder.stat().st_dev
