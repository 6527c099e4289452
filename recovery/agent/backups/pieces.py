"""A stream of bytes cut in sealed pieces, a few of them on their way at once."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from recovery.adapters.backups.sealing import digest_of
from recovery.agent.backups.spool import Spool
from recovery.core.archive import Line, Part, PartFact
from recovery.core.ports import StoreError

PIECE = 8 << 20
_AT_ONCE = 3


class Pieces:
    """Of one backup. Left without an error every piece is in the spool, with one none is."""

    def __init__(self, spool: Spool, line: Line, kind: str, backup: str) -> None:
        self._spool, self._line, self._kind, self._backup = spool, line, kind, backup
        self._rest, self._number = bytearray(), 0
        self._facts: dict[int, PartFact] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._rest:
                await self._send()
            await self._group.__aexit__(kind, error, at)
        except BaseException:
            await self._forget()
            raise
        if kind is not None:
            await self._forget()

    async def add(self, data: bytes | memoryview) -> bool:
        """Waits while too many pieces are on their way; whether one set out."""
        self._rest += data
        if len(self._rest) < PIECE:
            return False
        await self._send()
        return True

    @property
    def packed(self) -> tuple[int, int]:
        """Bytes that are in the spool, and what they take there."""
        facts = self._facts.values()
        return sum(each.plain for each in facts), sum(each.size for each in facts)

    async def _forget(self) -> None:
        """Pieces without a manifest only fill the spool."""
        for number in list(self._facts):
            part = Part(self._line, self._kind, self._backup, number)
            with contextlib.suppress(StoreError):
                await self._spool.forget(str(part))

    @property
    def facts(self) -> tuple[PartFact, ...]:
        return tuple(fact for _, fact in sorted(self._facts.items()))

    async def _send(self) -> None:
        await self._turn.acquire()
        part = Part(self._line, self._kind, self._backup, self._number)
        plain, self._rest, self._number = bytes(self._rest), bytearray(), self._number + 1
        self._group.create_task(self._put(part, plain))

    async def _put(self, part: Part, plain: bytes) -> None:
        try:
            digest = await asyncio.to_thread(digest_of, plain)
            size = await self._spool.put(str(part), plain)
            self._facts[part.number] = PartFact(size, digest.hex(), len(plain))
        finally:
            self._turn.release()
