"""Files past the page cache: whole when they are waited for, closed, and nobody writes after."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from recovery.agent.backups.restoring.wide import BUFFER, WRITER, Wide
from tests.adapters.databases.disks import small_disk

SIZES = (0, 5, 5000, BUFFER, 3 * BUFFER + 4097)


def handles() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def add(wide: Wide, path: Path, data: bytes) -> None:
    wide.begin(path, 0o600)
    wide.add(memoryview(data)[: len(data) // 3])
    wide.add(memoryview(data)[len(data) // 3 :])


def put(wide: Wide, path: Path, data: bytes) -> None:
    add(wide, path, data)
    wide.finish()
    wide.wait()


def test_every_file_is_whole_and_closed_when_it_was_waited_for(tmp_path: Path) -> None:
    dice, wide, before = random.Random(1), Wide(), handles()
    contents = {tmp_path / str(size): dice.randbytes(size) for size in SIZES}
    for path, data in contents.items():
        add(wide, path, data)
        wide.finish()
    wide.wait()
    assert {path: path.read_bytes() for path in contents} == contents
    assert handles() == before
    wide.close()


@pytest.mark.parametrize("size", SIZES)
def test_what_is_closed_in_the_middle_is_written_by_nobody(tmp_path: Path, size: int) -> None:
    before, path = handles(), tmp_path / "file"
    for is_finished in (False, True):
        wide = Wide()
        add(wide, path, b"x" * size)
        if is_finished:
            wide.finish()
        wide.close()
        assert [each for each in threading.enumerate() if each.name == WRITER] == []
        assert handles() == before


@pytest.mark.parametrize("size", [5, 2 * BUFFER, 9 * BUFFER])
def test_what_could_not_be_written_is_told_and_holds_nobody_up(tmp_path: Path, size: int) -> None:
    before = handles()
    with small_disk(tmp_path / "disk", 1) as folder:
        (folder / "filler").write_bytes(b"x" * (1 << 20))
        wide = Wide()
        with pytest.raises(OSError, match="No space left"):
            put(wide, folder / "file", b"x" * size)
        wide.close()
    assert handles() == before
