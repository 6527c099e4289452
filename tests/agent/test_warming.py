"""The log is read ahead of the server that replays it, no further than it may, and let go again."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from recovery.agent.backups.restoring.warming import AHEAD, READER, Acts, Warming, segments_in
from recovery.core.archive import SEGMENT
from tests.support.waiting import until

WINDOW = AHEAD // SEGMENT
COUNT = WINDOW + 6


class Kept(Acts):
    """What is in the page cache by its orders: numbers of segments."""

    def __init__(self) -> None:
        self.warm: list[int] = []
        self.came: list[int] = []
        self.broken: OSError | None = None

    def read(self, path: Path) -> None:
        if self.broken:
            raise self.broken
        super().read(path)
        self.warm.append(int(path.name[16:], 16))
        self.came.append(self.warm[-1])

    def let_go(self, path: Path) -> None:
        super().let_go(path)
        self.warm.remove(int(path.name[16:], 16))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Segments 1 to `COUNT`."""
    for number in range(1, COUNT + 1):
        (tmp_path / f"00000001{0:08X}{number:08X}").write_bytes(b"x" * 5000)
    return tmp_path


def taken(log: Path, count: int) -> None:
    """By the server, the oldest of what is left."""
    for path in sorted(log.iterdir())[:count]:
        path.unlink()


@asynccontextmanager
async def warmed(folder: Path, kept: Kept) -> AsyncIterator[Warming]:
    async with Warming(folder, kept) as warming:
        yield warming
    assert [each for each in threading.enumerate() if each.name == READER] == []


def test_segments_are_known_by_their_names_in_the_order_of_their_replay(tmp_path: Path) -> None:
    for name in (
        "000000020000000100000000",
        "0000000100000000000000FF",
        "000000010000000100000000",
    ):
        (tmp_path / name).touch()
    for name in ("00000002.history", "archive_status", "is as long as a segment."):
        (tmp_path / name).touch()
    assert [(start, path.name) for start, path in segments_in(tmp_path)] == [
        (255 * SEGMENT, "0000000100000000000000FF"),
        (256 * SEGMENT, "000000010000000100000000"),
        (256 * SEGMENT, "000000020000000100000000"),
    ]


async def test_it_stays_so_far_ahead_and_lets_go_of_what_was_replayed(log: Path) -> None:
    kept = Kept()
    async with warmed(log, kept) as warming:
        await until(lambda: kept.came == [*range(1, WINDOW + 1)])
        warming.replayed(3 * SEGMENT + 5)
        await until(lambda: kept.came == [*range(1, WINDOW + 4)])
        await until(lambda: kept.warm == [*range(3, WINDOW + 4)])
        warming.replayed(2 * SEGMENT)
        warming.replayed(COUNT * SEGMENT)
        await until(lambda: kept.came[-1] == COUNT)
    assert kept.came == [*range(1, COUNT + 1)]


async def test_what_the_server_took_away_is_not_waited_for(log: Path) -> None:
    taken(log, WINDOW + 1)
    kept = Kept()
    async with warmed(log, kept) as warming:
        await until(lambda: kept.came == [*range(WINDOW + 2, COUNT + 1)])
        taken(log, COUNT)
        warming.replayed(COUNT * SEGMENT)


async def test_what_cannot_be_read_is_left_to_the_server(log: Path) -> None:
    kept = Kept()
    kept.broken = OSError("Input/output error")
    async with warmed(log, kept):
        pass
    async with warmed(log / "that was never there", kept):
        pass
    assert kept.came == []
