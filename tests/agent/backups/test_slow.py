"""A store behind a line that is slow, or on which bytes only trickle: it delays nobody but itself,
is called slow, and nothing waits for it for ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.paced import Paced, read_all
from recovery.adapters.backups.s3 import Bucket, S3Store
from recovery.agent.backups.spool import Spool
from recovery.core.clock import system
from recovery.core.ports import StoreAway
from tests.adapters.backups.conftest import KEYS
from tests.agent.backups.fields import QUICK, OnlyKeeping
from tests.decisions.archive.build import chunk
from tests.support.seaweed import Seaweed
from tests.support.slow import SlowLine
from tests.support.waiting import until


@pytest.fixture
async def line(seaweed: Seaweed) -> AsyncIterator[SlowLine]:
    """Towards a service that is quick itself."""
    seaweed.make("backups")
    async with SlowLine(int(seaweed.endpoint.rpartition(":")[2]), 1e9).running() as line:
        yield line


def store_behind(line: SlowLine, seaweed: Seaweed, patience: float) -> S3Store:
    bucket = replace(seaweed.bucket("backups"), endpoint=f"http://127.0.0.1:{line.port}")
    return S3Store("replica 2", bucket, patience=patience)


async def test_a_slow_line_is_no_reason_to_give_up(line: SlowLine, seaweed: Seaweed) -> None:
    """Whole, these bytes take longer than the patience for any one of them."""
    store, line.rate = store_behind(line, seaweed, patience=1.5), 2e6
    data, began = bytes(6 << 20), system.monotonic()
    await store.put("slow/1", data)
    assert system.monotonic() - began > 1.5
    assert len(await store.get("slow/1")) == len(data)
    await store.close()


async def test_an_upload_that_never_ends_is_given_up_and_so_is_its_thread(
    line: SlowLine, seaweed: Seaweed
) -> None:
    store, line.rate = store_behind(line, seaweed, patience=0.5), 3e3
    with pytest.raises(StoreAway, match="slow"):
        await store.put("slow/2", bytes(1 << 20))
    await until(lambda: not [t for t in threading.enumerate() if t.name == "s3-replica 2"])
    await store.close()


def test_what_is_sent_and_received_piece_by_piece_has_an_end_of_its_own() -> None:
    with pytest.raises(TimeoutError, match="too long"):
        Paced(b"x", -1).read(1)
    assert Paced(b"x", 60).read(1) == b"x"

    class Received:
        def iter_chunks(self, chunk_size: int) -> Iterator[bytes]:
            yield b"x" * chunk_size

    with pytest.raises(TimeoutError, match="too long"):
        read_all(Received(), -1)
    assert len(read_all(Received(), 60)) == 512 << 10


@contextlib.asynccontextmanager
async def trickling() -> AsyncIterator[int]:
    """A service that takes everything at once, and gives a byte now and then for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if head.startswith("get"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not writer.is_closing():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            if "100-continue" in head:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = next(line for line in head.splitlines() if line.startswith("content-length"))
            await reader.readexactly(int(length.split(":")[1]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_answers_that_trickle_for_ever_take_no_other_ones_turn() -> None:
    async with trickling() as port:
        bucket = Bucket(f"http://127.0.0.1:{port}", "backups", "key", "secret")
        store = S3Store("replica 2", bucket, patience=0.5, threads=2)
        gets = [asyncio.create_task(store.get(f"slow/{number}")) for number in range(2)]
        for each in gets:
            with pytest.raises(StoreAway, match="no answer in 5 s: it hangs or is too slow"):
                await each
        await store.put("slow/3", b"x")
        await store.close()


async def test_a_slow_store_delays_only_itself_and_says_how_far_it_is_behind(
    line: SlowLine, seaweed: Seaweed, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    (tmp_path / "spool").mkdir()
    spool = Spool(DirectoryStore("spool", tmp_path / "spool"), "shop", KEYS)
    slow = store_behind(line, seaweed, patience=5.0)
    for each in await slow.list("shop/"):
        await slow.delete(each.name)
    line.rate = 20e3
    keeping = OnlyKeeping("a", spool, [folder_store, slow], replace(QUICK, slow_seconds=1.0))
    running = asyncio.create_task(keeping.run())
    names = [chunk(3 + n / 4, 3.25 + n / 4, n).name for n in range(12)]
    for name in names:
        await spool.put(name, os.urandom(8192))  # which nothing packs
    await until(lambda: keeping.carriers[0].has >= set(names))
    quick, behind = keeping.fact().stores
    assert (quick.missing, quick.trouble) == (0, "")
    assert behind.missing > 0

    def is_told() -> bool:
        trouble = keeping.fact().stores[1].trouble
        return "replica 2 is slow: its log is" in trouble and "s behind" in trouble

    await until(is_told)
    assert keeping.fact().stores[1].lag_ms >= 1000
    line.rate = 1e9
    await until(lambda: keeping.carriers[1].has >= set(names))
    assert keeping.fact().stores[1].trouble == ""
    running.cancel()
    await asyncio.wait({running})
    await slow.close()


_READER = """
import asyncio, sys
from pathlib import Path
from recovery.adapters.backups.directory import DirectoryStore
async def main():
    try:
        await DirectoryStore("spool", Path(sys.argv[1]), patience=0.5).get("shop/hangs")
    except Exception as error:
        print(error, flush=True)
asyncio.run(main())
"""


async def test_a_disk_that_hangs_does_not_keep_a_process_from_its_end(tmp_path: Path) -> None:
    """A pipe that nobody writes to holds its reader as a mount that is gone does."""
    (tmp_path / "shop").mkdir()
    os.mkfifo(tmp_path / "shop" / "hangs")
    argv = [sys.executable, "-c", _READER, str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(30):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert b"the folder did not answer" in out
    assert process.returncode == 0
