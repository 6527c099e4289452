"""Copies outside: checkpoints, and the hashes of the leaves, where the database's superuser
may have no say. A folder of another machine, or a bucket whose objects are locked.

Layout of c2sp.org/tlog-tiles below `tocsin-audit/`: `tile/0/…` holds 256 leaf hashes, written
once; `checkpoint/SIZE` a signed note. Invariant: what is there is never changed, only added to;
a store that is away or full delays nothing and is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from django.db import DatabaseError, close_old_connections

from recovery.audit import queries
from recovery.core.clock import Clock
from recovery.core.ports import ObjectStore, StoreError
from recovery.core.tlog.tree import TILE_LEVELS

log = structlog.get_logger()
PREFIX = "tocsin-audit/"
EVERY_SECONDS = 60.0
LOCKED_FOR = timedelta(days=365)
TILES_AT_ONCE = 64
_WIDTH = 1 << TILE_LEVELS


def tile_name(index: int) -> str:
    """`tile/0/x001/x234/067` for tile 1234067."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return PREFIX + "tile/0/" + "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])


def checkpoint_name(size: int) -> str:
    """Names sort as sizes do."""
    return f"{PREFIX}checkpoint/{size:016d}"


class Copies:
    """`opened`: the stores as they are configured now."""

    def __init__(
        self,
        opened: Callable[[], Sequence[ObjectStore]],
        clock: Clock,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._opened, self._clock, self._every = opened, clock, every
        self._next = clock.monotonic()
        self._tiles: dict[str, int] = {}

    def keep_up(self) -> None:
        """Now and then: what is new goes to every store."""
        if self._clock.monotonic() < self._next:
            return
        self._next = self._clock.monotonic() + self._every
        newest = queries.newest_checkpoint()
        if newest is None:
            return
        tiles = self._new_tiles(newest.size)
        asyncio.run(self._write(checkpoint_name(newest.size), newest.note, tiles))

    def _new_tiles(self, size: int) -> dict[int, bytes]:
        full = size // _WIDTH
        first = min(self._tiles.values(), default=0)
        first = min(first, full)
        tiles = range(first, min(full, first + TILES_AT_ONCE))
        return {
            tile: b"".join(queries.hashes_of(0, tile * _WIDTH, (tile + 1) * _WIDTH))
            for tile in tiles
        }

    async def _write(self, name: str, note: str, tiles: dict[int, bytes]) -> None:
        until = self._clock.now() + LOCKED_FOR
        for store in self._opened():
            try:
                await self._write_to(store, name, note, tiles, until)
            except StoreError as error:
                log.warning("no copy of the log", store=store.name, error=str(error))
            finally:
                await store.close()

    async def _write_to(
        self, store: ObjectStore, name: str, note: str, tiles: dict[int, bytes], until: datetime
    ) -> None:
        if store.name not in self._tiles:
            self._tiles[store.name] = len(await store.list(f"{PREFIX}tile/0/"))
        while (tile := self._tiles[store.name]) in tiles:
            await store.put(tile_name(tile), tiles[tile], lock_until=until)
            self._tiles[store.name] = tile + 1
        await store.put(name, note.encode(), lock_until=until)


class Outside(Protocol):
    """Whoever takes copies away."""

    def keep_up(self) -> None:
        """Called at each round of the sealer that leads."""


class Aside:
    """In a thread of its own: a store that hangs keeps no entry from its seal."""

    def __init__(self, copies: Outside) -> None:
        self._copies = copies
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="copies")
        self._running: Future[None] | None = None

    def keep_up(self) -> None:
        """Never waits: while the last one still writes, nothing begins."""
        if self.is_idle:
            self._running = self._pool.submit(self._once)

    @property
    def is_idle(self) -> bool:
        return self._running is None or self._running.done()

    def _once(self) -> None:
        close_old_connections()
        try:
            self._copies.keep_up()
        except (DatabaseError, OSError) as error:
            log.warning("no copies of the log", error=str(error).strip())
        except Exception:
            log.exception("no copies of the log")
