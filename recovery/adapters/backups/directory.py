"""A folder as an object store: a spool, a mounted disk, a volume made from a snapshot.

Invariants: an object comes under its name by one rename after it is on the disk, so any copy of
the folder, taken at any moment, holds whole objects only. The folder itself is never made here:
where a disk is not mounted nothing may be written beside it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from recovery.adapters.backups.naming import checked
from recovery.adapters.backups.threads import in_thread
from recovery.core.ports import NoSuchObject, ObjectInfo, StoreAway, StoreFull, StoreRefused

_PARTIAL = ".partial"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
T = TypeVar("T")
Infos = list[ObjectInfo]


class DirectoryStore:
    """`patience`: seconds until a folder that does not answer (a hung disk) is away."""

    def __init__(self, name: str, folder: Path, *, patience: float = 60.0) -> None:
        self.name, self.folder, self._patience = name, folder, patience
        self._is_swept = False

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        del lock_until  # a folder cannot promise it
        await self._do(lambda: self._put(checked(name), data))

    async def get(self, name: str) -> bytes:
        return await self._do((self.folder / checked(name)).read_bytes, name)

    async def list(self, prefix: str = "") -> Infos:
        return await self._do(lambda: self._list(prefix))

    async def delete(self, name: str) -> None:
        await self._do(lambda: self._delete(checked(name)))

    async def room(self) -> int:
        """Bytes that may be used where the folder is."""
        return (await self.disk())[0]

    async def disk(self) -> tuple[int, int]:
        """Bytes that are free where the folder is, and all of them."""
        found = await self._do(lambda: os.statvfs(self.folder))
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    async def reserve(self) -> int:
        """Bytes of its disk that are left to others."""
        return 0

    async def is_pressing(self) -> bool:
        """Whether others need what is kept back for this folder elsewhere on its disk."""
        return False

    def describe(self) -> str:
        return f"folder {self.folder}"

    async def close(self) -> None:
        """Nothing is held."""

    async def _do(self, act: Callable[[], T], name: str = "") -> T:
        try:
            async with asyncio.timeout(self._patience):
                return await in_thread(lambda: self._on_disk(act, name), f"folder-{self.name}")
        except TimeoutError as error:
            raise StoreAway(
                f"{self.name}: the folder did not answer in {self._patience:.0f} s."
            ) from error

    def _on_disk(self, act: Callable[[], T], name: str) -> T:
        if not self.folder.is_dir():
            raise StoreRefused(
                f"{self.name}: the folder {self.folder} is not there.",
                field="folder",
                todo="Mount or make it.",
            )
        try:
            return act()
        except FileNotFoundError as error:
            if name:
                raise NoSuchObject(f"{self.name} has no {name}.") from error
            raise StoreAway(f"{self.name}: {error}.") from error
        except OSError as error:
            raise self._told(error) from error

    def _told(self, error: OSError) -> Exception:
        if error.errno in _FULL:
            return StoreFull(
                f"{self.name}: no space is left in {self.folder}.",
                kept="What was there is untouched.",
                todo="Free space there.",
            )
        if error.errno in _REFUSED:
            said = f"{self.name}: {self.folder} cannot be used: {error.strerror}."
            return StoreRefused(said, field="folder")
        return StoreAway(f"{self.name}: {error}.")

    # ------------------------------------------------------------------ in a thread

    def _put(self, name: str, data: bytes) -> None:
        partial = self.folder / _PARTIAL
        partial.mkdir(exist_ok=True, mode=0o700)
        self._sweep(partial)
        target, fresh = self.folder / name, partial / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            _write(fresh, data)
            _make_folders(target.parent, self.folder)
            fresh.rename(target)
        finally:
            fresh.unlink(missing_ok=True)
        _sync(target.parent)

    def _sweep(self, partial: Path) -> None:
        """Once: what killed processes left half-written, other living ones' left alone."""
        if self._is_swept:
            return
        self._is_swept = True
        for left in partial.iterdir():
            owner = left.name.partition("-")[0]
            if owner != str(os.getpid()) and not Path("/proc", owner).exists():
                left.unlink(missing_ok=True)

    def _list(self, prefix: str) -> Infos:
        top = self.folder / prefix.rpartition("/")[0]
        found: Infos = []
        for place, folders, files in os.walk(top):
            folders[:] = [each for each in folders if not each.startswith(".")]
            for each in files:
                path = Path(place) / each
                name = path.relative_to(self.folder).as_posix()
                if name.startswith(prefix) and not each.startswith("."):
                    found += _info(path, name)
        return sorted(found)

    def _delete(self, name: str) -> None:
        target = self.folder / name
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder == self.folder:
                break
            try:
                folder.rmdir()
            except OSError:
                break


def _info(path: Path, name: str) -> Infos:
    """Nothing when it was removed since."""
    try:
        seen = path.stat()
    except FileNotFoundError:
        return []
    return [ObjectInfo(name, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))]


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folders(folder: Path, root: Path) -> None:
    """On the disk, each of them."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(exist_ok=True, mode=0o700)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
