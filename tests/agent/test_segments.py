"""The log's chunks become segments, whatever way they come."""

from __future__ import annotations

import itertools
import os
import random
import resource
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from recovery.agent.backups.restore_valkey import Snapshot
from recovery.agent.backups.restoring.segments import Segments
from recovery.core.archive import SEGMENT, Chunk, History, RestorePlan
from tests.adapters.databases.disks import disk_of_pages
from tests.decisions.archive.build import LINE, at, base

NAME = base(0, 3 * SEGMENT)


@contextmanager
def laying(folder: Path, *histories: History) -> Iterator[Segments]:
    with closing(Segments(folder, RestorePlan(NAME, None, (), histories, None, at(1)))) as segments:
        yield segments
        segments.end()


def chunk(timeline: int, start: int, data: bytes) -> tuple[Chunk, bytes]:
    return Chunk(LINE, timeline, start, start + len(data), None), data


def test_a_chunk_over_two_segments_lies_in_both_and_the_rest_is_zero(tmp_path: Path) -> None:
    data = b"x" * 1000
    with laying(tmp_path) as segments:
        segments.lay(*chunk(1, 4 * SEGMENT - 400, data))
    first, second = sorted(tmp_path.iterdir())
    assert [first.name, second.name] == [f"000000010000000000{n:06X}" for n in (3, 4)]
    assert first.read_bytes() == bytes(SEGMENT - 400) + data[:400]
    assert second.read_bytes() == data[400:] + bytes(SEGMENT - 600)
    assert first.stat().st_mode & 0o777 == 0o600


def test_positions_beyond_four_gigabytes_have_their_segments_names(tmp_path: Path) -> None:
    with laying(tmp_path) as segments:
        segments.lay(*chunk(2, (5 << 32) + SEGMENT, b"abcd"))
    assert [each.name for each in tmp_path.iterdir()] == ["000000020000000500000001"]


def test_bytes_beyond_the_switch_are_not_laid_out(tmp_path: Path) -> None:
    with laying(tmp_path, History(LINE, 2, 1, 3 * SEGMENT + 100)) as segments:
        segments.lay(*chunk(1, 3 * SEGMENT, b"x" * 300))
        segments.lay(*chunk(2, 3 * SEGMENT, b"y" * 300))
    old, new = sorted(tmp_path.iterdir())
    assert old.read_bytes() == b"x" * 100 + bytes(SEGMENT - 100)
    assert new.read_bytes() == b"y" * 300 + bytes(SEGMENT - 300)


def test_bytes_before_the_base_are_not_laid_out(tmp_path: Path) -> None:
    with laying(tmp_path) as segments:
        segments.lay(*chunk(1, 2 * SEGMENT, bytes(SEGMENT) + b"abcd"))
    (path,) = tmp_path.iterdir()
    assert path.read_bytes()[:5] == b"abcd\0"


@pytest.mark.parametrize("seed", range(4))
def test_chunks_that_overlap_or_come_out_of_order_lie_where_they_belong(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    log, begin = dice.randbytes(2 * SEGMENT), 3 * SEGMENT
    edges = sorted(dice.sample(range(len(log)), 6))
    pieces = [(a, min(len(log), b + dice.choice((0, 5000)))) for a, b in itertools.pairwise(edges)]
    if seed % 2:
        dice.shuffle(pieces)
    with laying(tmp_path) as segments:
        for start, stop in pieces:
            segments.lay(*chunk(1, begin + start, log[start:stop]))
    found = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert len(found) == len(log)
    first, last = edges[0], max(stop for _, stop in pieces)
    assert found[first:last] == log[first:last]
    assert not any(found[:first])
    assert not any(found[last:])


def test_what_the_page_cache_holds_of_it_is_told(tmp_path: Path) -> None:
    """So that its turn on the disk is waited for."""
    with laying(tmp_path) as segments:
        assert segments.lay(*chunk(1, 3 * SEGMENT, b"x" * 5000)) == 0
        assert segments.lay(*chunk(1, 3 * SEGMENT + 4000, b"x" * 3000)) == 3000
    with disk_of_pages(tmp_path / "disk") as folder, laying(folder) as segments:
        assert segments.lay(*chunk(1, 3 * SEGMENT, b"x" * 5000)) == 5000


def test_after_its_end_nothing_is_laid(tmp_path: Path) -> None:
    """A thread that was left behind by whoever was cancelled may come late."""
    segments = Segments(tmp_path, RestorePlan(NAME, None, (), (), None, at(1)))
    segments.close()
    assert segments.lay(*chunk(1, 3 * SEGMENT, b"x")) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_disk_takes_in_part_is_no_patch(tmp_path: Path) -> None:
    """It takes 100 bytes, and no more: nobody is told that all are there."""
    with laying(tmp_path) as segments:
        segments.lay(*chunk(1, 3 * SEGMENT, b"x" * 5000))
        segments.end()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1100, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                segments.lay(*chunk(1, 3 * SEGMENT + 1000, b"y" * 300))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_snapshot_is_not_closed_while_somebody_writes_to_it() -> None:
    """Whoever was cancelled leaves a thread behind; the file's number is soon another's."""
    taken, handle = os.pipe()
    file, size = Snapshot(handle), 1 << 20
    writing = threading.Thread(target=file.lay, args=(memoryview(bytes(size)),))
    writing.start()
    found = len(os.read(taken, 1))
    closing_it = threading.Thread(target=file.close)
    closing_it.start()
    while data := os.read(taken, size):
        found += len(data)
    os.close(taken)
    writing.join()
    closing_it.join()
    assert found == size
    file.lay(memoryview(b"late"))
