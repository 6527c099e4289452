"""The folder of one replica: data that are there whole or not at all, and what was kept.

    data/            the server's, complete; absent while it is made
    data.partial/    being made, cloned or rewound; of no worth to anybody
    kept/STAMP/      data that were replaced, as they were (I-DB-5: at least 14 days)
    kept/STAMP.ID/   the same, replaced by the restore of that name

Invariants: `data` appears by one rename; what it replaces goes to `kept` by one rename before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from recovery.core.clock import system
from recovery.core.ports import EngineFailed, Kept

KEPT_FOR = timedelta(days=14)
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_RESERVE = 64 * 1024 * 1024


class Folder:
    """The names in it, and the ways to change them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.partial = path / "data.partial"
        self.kept = path / "kept"
        self.log = path / "server.log"

    async def begin(self) -> Path:
        """An empty place for new data; the rest of an interrupted act is gone."""
        await self.end()
        if self.partial.exists():
            raise EngineFailed(f"{self.partial.name} cannot be removed", kept="The data stay.")
        return self.partial

    async def end(self) -> None:
        """What was begun is of no use any more."""
        await asyncio.to_thread(shutil.rmtree, self.partial, ignore_errors=True)

    def complete(self) -> None:
        """The partial data become the data. There must be none."""
        self.partial.rename(self.data)
        sync_folder(self.path)

    def put_aside(self, restore: str = "") -> Path:
        """The data go to `kept`; afterwards there are none. `restore`: what replaces them."""
        self.kept.mkdir(mode=0o700, exist_ok=True)
        place = self.kept / ".".join(filter(None, [system.now().strftime(_STAMP), restore]))
        self.data.rename(place)
        sync_folder(self.kept)
        return place

    def replaced_by(self, restore: str) -> Path | None:
        """What this restore took the place of, where it is kept."""
        return min(self.kept.glob(f"*Z.{restore}"), default=None)

    def keep(self) -> Kept:
        """The data are aside afterwards, whoever put them there; what was kept last is told."""
        if self.data.exists():
            self.put_aside()
        found = sorted(self.kept.iterdir()) if self.kept.exists() else []
        return Kept(found[-1].name, size_of(found[-1])) if found else Kept("", 0)

    def forget_kept(self, before: datetime) -> int:
        """Removes what was kept for longer than it must be; gives their number."""
        found = list(self.kept.iterdir()) if self.kept.exists() else []
        oldest = min(before, system.now() - KEPT_FOR).strftime(_STAMP)
        gone = [place for place in found if place.name < oldest]
        for place in gone:
            shutil.rmtree(place)
        return len(gone)

    async def check_space(self) -> None:
        """Refuses where a second copy of the data does not fit: nothing is rewound without one."""
        needed = await asyncio.to_thread(size_of, self.data) + _RESERVE
        free = shutil.disk_usage(self.path).free
        if free < needed:
            raise EngineFailed(
                f"a copy of the data needs {needed >> 20} MiB, {free >> 20} MiB are free",
                kept="The data were left as they are.",
                todo="Free space on this host, then ask again.",
            )

    def last_words(self) -> str:
        """The end of the server's log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 4096))
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return "it has no log yet"
        return " | ".join(lines[-4:])


def size_of(folder: Path) -> int:
    """Bytes on the disk; files that vanish meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def sync_folder(folder: Path) -> None:
    """A rename in it is on the disk afterwards."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, text: str, owner: str | None = None) -> bool:
    """Private, whole or not at all; False when it said the same already."""
    if path.exists() and path.read_text() == text:
        return False
    with said():
        _write(path, text, owner)
    return True


@contextlib.contextmanager
def said() -> Iterator[None]:
    """Inside, what the disk refuses (no space, no right) becomes a sentence of the port."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise EngineFailed(f"this host's disk: {error}", kept="The data stay.") from error


def _write(path: Path, text: str, owner: str | None) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    if owner:
        shutil.chown(fresh, owner)
    fresh.rename(path)
    sync_folder(path.parent)
