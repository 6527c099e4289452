"""A base backup's archive becomes files: all of them, nowhere else, and nothing after its end."""

from __future__ import annotations

import asyncio
import io
import os
import random
import tarfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from recovery.agent.backups.fetch import ArchiveFault
from recovery.agent.backups.restoring.files import LARGE, Files
from recovery.agent.backups.restoring.unpack import Pace, unpack
from recovery.agent.backups.restoring.wide import BUFFER, WRITER
from recovery.core.ports import EngineFailed
from tests.adapters.databases.disks import disk_of_pages, small_disk

SIZES = {
    "PG_VERSION": 3,
    "base/empty": 0,
    "base/a block": 8192,
    "base/large": LARGE,
    "base/two buffers": 2 * BUFFER,
    "base/two buffers and some": 2 * BUFFER + 8192 + 5,
}


def archive_of(
    sizes: dict[str, int], change: Callable[[tarfile.TarInfo], object] = lambda member: None
) -> tuple[bytes, dict[str, bytes]]:
    """As a server makes it, and what is in it."""
    dice, out, contents = random.Random(1), io.BytesIO(), {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("base")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(folder)
        for name, size in sizes.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = size, 0o600
            change(member)
            contents[name] = dice.randbytes(size)
            tar.addfile(member, io.BytesIO(contents[name]))
    return out.getvalue(), contents


def cut(data: bytes, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    while data:
        size = dice.choice((1, 511, 512, 100_000, 9_000_001))
        yield data[:size]
        data = data[size:]


async def unpacked(pieces: Iterator[bytes], folder: Path) -> list[int]:
    """What was told to be safe, in order."""

    async def come() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    safe: list[int] = []
    pace = Pace(folder, safe.append)
    try:
        await unpack(come(), folder, pace)
    finally:
        await pace.end()
    return safe


@pytest.mark.parametrize("seed", range(3))
async def test_however_it_is_cut_every_file_is_what_it_was(tmp_path: Path, seed: int) -> None:
    data, contents = archive_of(SIZES)
    safe = await unpacked(cut(data, seed), tmp_path)
    for name, content in contents.items():
        path = tmp_path / name
        assert path.read_bytes() == content, name
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "base").stat().st_mode & 0o777 == 0o700
    assert safe == sorted(safe)
    assert safe[-1] > len(data) * 0.8


async def test_an_archive_that_ends_too_early_is_none(tmp_path: Path) -> None:
    data, _ = archive_of({"PG_VERSION": 3, "base/large": LARGE})
    for number, end in enumerate((300, 512 + 300, 1024 + 2, 1024 + 100, 3000, LARGE)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(ArchiveFault, match="it ends in the middle, after"):
            await unpacked(iter([data[:end]]), folder)


async def test_a_head_that_is_none_is_refused(tmp_path: Path) -> None:
    data = bytearray(archive_of({"PG_VERSION": 3})[0])
    data[512 + 20] ^= 1
    with pytest.raises(ArchiveFault, match="no head of a file follows base"):
        await unpacked(iter([bytes(data)]), tmp_path)


@pytest.mark.parametrize("name", ["/etc/outside", "base/../../outside"])
async def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    data, _ = archive_of({name: 3})
    with pytest.raises(ArchiveFault, match="would lie outside"):
        await unpacked(iter([data]), tmp_path)


async def test_a_link_is_not_made(tmp_path: Path) -> None:
    def link(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc", 0

    data, _ = archive_of({"base/link": 0}, link)
    with pytest.raises(ArchiveFault, match="base/link is neither a file nor a folder"):
        await unpacked(iter([data]), tmp_path)


@pytest.mark.parametrize("size", [2 * BUFFER, 8192])
async def test_a_full_disk_is_the_hosts_trouble(tmp_path: Path, size: int) -> None:
    """Past the page cache as well as in it."""
    data, _ = archive_of({f"base/{number}": size for number in range((3 << 20) // size + 1)})
    with small_disk(tmp_path / "disk", 1) as folder, pytest.raises(EngineFailed) as failed:
        await unpacked(iter([data]), folder)
    assert str(failed.value).startswith("host: the backup could not be unpacked: [Errno 28]")


async def test_where_the_page_cache_cannot_be_passed_by_it_is_used(tmp_path: Path) -> None:
    """A disk in memory alone has nothing but pages."""
    with disk_of_pages(tmp_path / "disk") as folder:
        with pytest.raises(OSError, match="Invalid argument"):
            os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
        data, contents = archive_of(SIZES)
        await unpacked(cut(data, 0), folder)
        assert {name: (folder / name).read_bytes() for name in contents} == contents


@pytest.mark.parametrize("turns", range(12))
async def test_unpacking_is_cancelled_at_any_moment_and_writes_nothing_afterwards(
    tmp_path: Path, turns: int
) -> None:
    """After so many turns of the loop."""
    data, _ = archive_of({f"base/{number}": LARGE for number in range(8)})

    async def pieces() -> AsyncIterator[bytes]:
        for piece in cut(data, turns):
            yield piece
        await asyncio.Event().wait()

    running = asyncio.create_task(unpack(pieces(), tmp_path, Pace(tmp_path, lambda upto: None)))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [each for each in threading.enumerate() if each.name == WRITER] == []


def test_after_its_end_nothing_is_laid(tmp_path: Path) -> None:
    """A thread that was left behind by whoever was cancelled may come late."""
    laid = Files(tmp_path)
    laid.close()
    assert laid.lay(archive_of({"PG_VERSION": 3})[0]) == 0
    assert list(tmp_path.iterdir()) == []
