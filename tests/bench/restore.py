"""`make bench-restore`: a PostgreSQL database out of a real SeaweedFS.

`python -m tests.bench.restore` (MIB=2048 of data, a quarter as much of log, ROUNDS=4). In the same
run, each alone: raw writing to the same disk until it is safe there (past the page cache or through
it, whichever was faster), reading every object from the store, opening and unpacking them in
memory. Then the three at once, side by side and with nothing between them, until all are done: a
restore needs all three, and on a host that does them on the same cores no pipeline can be faster
than that. A restore's fetching and unpacking, until it is safe, must reach 0.8 of the least of the
four; its share of the least of each alone is told, too (restore_report.py).

What it tells of its end (replay and proof included) after the first tenth must be right within
15 % of the whole, 95 of 100 words: each that it says is held against what came. The first restore
of a process goes by what most hosts do and says little, the others by what they measured. Beside
it: what each spends of the CPU, the store's own process too (in production it is on another
machine). TRACES=FILE keeps how each restore went.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from recovery.adapters.backups.s3 import S3Store
from recovery.adapters.backups.sealing import Reused, unseal_into
from recovery.agent.backups.fetch import AT_ONCE, Source
from recovery.agent.backups.progress import Measured
from recovery.agent.backups.restore import Restore, Restored
from recovery.agent.backups.restoring.unpack import settle
from recovery.core.clock import system
from recovery.core.errors import BadConfiguration
from tests.adapters.backups.conftest import KEYS
from tests.adapters.databases.servers import Family, Server
from tests.agent.backups.fields import CLIENT, Archive, written
from tests.bench.link import Link, parsed
from tests.bench.restore_cost import Cpu, Meter, Watched, keep
from tests.bench.restore_report import Round, is_met, summary, told
from tests.support.seaweed import Seaweed

_ROW = 930
_WAYS = (0, os.O_DIRECT)
"""To write to a disk: through the page cache, and past it."""
_FILL = (
    "CREATE TABLE {name} AS SELECT n, (SELECT string_agg(md5((n * 64 + k)::text), '') "
    "FROM generate_series(1, 28) k) AS text FROM generate_series(1, {rows}) n"
)


class Stages:
    """What was measured of one after another."""

    def __init__(self, meter: Meter, size: int) -> None:
        self._meter, self._size = meter, size
        self.speeds: list[float] = []
        self.costs: list[Cpu] = []

    async def add(self, act: Callable[[], Awaitable[object]]) -> None:
        before = self._meter.read()
        took = await _timed(act)
        self.speeds.append(self._size / took)
        self.costs.append(self._meter.read().less(before))

    def keep_faster(self) -> int:
        """Of the ways to do the same, that which is the limit; gives which one it was."""
        best = self.speeds.index(max(self.speeds))
        self.speeds, self.costs = [self.speeds[best]], [self.costs[best]]
        return best


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    began = system.monotonic()
    await act()
    return system.monotonic() - began


async def _raw_disk(folder: Path, size: int, flags: int = 0) -> None:
    """`flags`: O_DIRECT goes past the page cache, as a restore does where it can."""
    block = mmap.mmap(-1, 1 << 23)
    block.write(os.urandom(1 << 23))

    def write() -> None:
        out = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags)
        try:
            for _ in range(size // len(block)):
                os.write(out, block)
            os.fsync(out)
        finally:
            os.close(out)

    await asyncio.to_thread(write)
    (folder / "raw").unlink()


async def _many(names: list[str], act: Callable[[str], Awaitable[object]]) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with turn:
            await act(name)

    await asyncio.gather(*(one(name) for name in names))


async def _restored(
    store: S3Store, place: Server, meter: Meter, measured: Measured
) -> tuple[Restored, list[float], Cpu]:
    """The result, how wrong each word about its end was, and what was spent until it was safe."""
    work = Restore(Source(store, KEYS, "shop"), place.place, place.spec.version)
    work.progress = progress = Watched(measured=measured, read=meter.read)
    running = asyncio.create_task(work.run())
    said: list[tuple[float, float]] = []
    while not running.done():
        left = work.progress.seconds_left
        if left is not None and work.progress.began:
            said.append((system.monotonic() - work.progress.began, left))
        await asyncio.wait({running}, timeout=0.1)
    whole = system.monotonic() - work.progress.began
    keep(progress.trace(progress.began + whole))
    misses = [abs(at + left - whole) / whole for at, left in said]
    return await running, misses, progress.spent


async def _round(
    store: S3Store, server: Server, folder: Path, meter: Meter, measured: Measured
) -> Round:
    plan, manifest = await Source(store, KEYS, "shop").plan(None)
    names = [*plan.parts, *(str(chunk) for chunk in plan.chunks)]
    size = manifest.plain + sum(chunk.stop - chunk.start for chunk in plan.chunks)
    sealed: dict[str, bytes] = {}
    free = [Reused() for _ in range(AT_ONCE)]

    async def keep_it(name: str) -> None:
        sealed[name] = await store.get(name)

    async def unpack(name: str) -> None:
        memory = free.pop()
        await asyncio.to_thread(unseal_into, memory, sealed[name], name=name, keys=KEYS)
        free.append(memory)

    async def read(name: str) -> None:
        await store.get(name)

    async def together() -> None:
        await asyncio.gather(
            _raw_disk(folder, size, flags), _many(names, read), _many(names, unpack)
        )

    stages = Stages(meter, size)
    for each in _WAYS:
        await stages.add(partial(_raw_disk, folder, size, each))
    flags = _WAYS[stages.keep_faster()]
    await stages.add(partial(_many, names, keep_it))
    await stages.add(partial(_many, names, unpack))
    await stages.add(together)
    sealed.clear()
    await settle(folder)
    done, misses, spent = await _restored(store, server, meter, measured)
    _put_away(server.folder)
    disk, read_at, opened, at_once = stages.speeds
    costs = [*stages.costs, spent]
    return Round(disk, read_at, opened, at_once, done.speed, done.seconds, misses, size, costs)


def _put_away(folder: Path) -> None:
    """Not removed before the end: a file system looks in vain for numbers of files that were freed
    within the last minutes, thousands of times."""
    folder.rename(folder.with_name(f"{folder.name}-{secrets.token_hex(4)}"))


def _store(folder: Path, gigabits: float, end: contextlib.ExitStack) -> Seaweed:
    """One that answers, behind a link of so many Gbit/s where there are any."""
    weed = Seaweed(folder)
    if gigabits:
        link = Link(gigabits)
        end.callback(link.close)
        link.open()
        print(link.check(), flush=True)
        weed = Seaweed(folder, link.far, link.prefix)
    end.callback(weed.kill)
    weed.start()
    return weed


async def measure(mebibytes: int, rounds: int, gigabits: float) -> list[Round]:
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as home, contextlib.ExitStack() as end:
        folder = Path(home)
        weed = _store(folder / "weed", gigabits, end)
        weed.make("backups")
        store = S3Store("store", weed.bucket("backups"))
        family = Family("postgresql", "18", folder, {"fsync": "off", "max_wal_size": "4GB"})
        try:
            server = await written(family)
            _fill(server, "filler", mebibytes)
            archive = Archive(folder / "spool", [store])
            began = system.monotonic()
            archive.start(server)
            await archive.covers(store, system.now(), 900)
            took = system.monotonic() - began
            _fill(server, "more", mebibytes // 4)
            seen = await archive.covers(store, system.now(), 900)
            await archive.stop()
            server.kill()
            mib = seen.bytes / (1 << 20)
            print(f"archived in {took:.1f} s: {mib:.0f} MiB sealed in {seen.objects} objects")
            meter, measured = Meter(weed.pid), Measured()
            found: list[Round] = []
            for number in range(rounds):
                found.append(await _round(store, family.servers["b"], folder, meter, measured))
                print(told(f"round {number + 1}", found[-1]), flush=True)
            return found
        finally:
            await store.close()
            await family.close()


def _fill(server: Server, name: str, mebibytes: int) -> None:
    with CLIENT.connect(server) as connection:
        connection.execute(_FILL.format(name=name, rows=mebibytes * (1 << 20) // _ROW))


def main(words: list[str]) -> int:
    """1 when the medians miss their targets, 2 when it cannot be measured as it was asked for."""
    given = {**os.environ, **dict(word.split("=", 1) for word in words)}
    mebibytes, rounds_asked = int(given.get("MIB", "2048")), int(given.get("ROUNDS", "4"))
    # As an exception, so that what was started and made ends with us.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        rounds = asyncio.run(measure(mebibytes, rounds_asked, parsed(given.get("LINK", ""))))
    except BadConfiguration as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(summary(rounds)))
    return 0 if is_met(rounds) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
