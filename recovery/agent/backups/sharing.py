"""Spools of one host share a disk, and what it lacks.

Invariant: one after the other they look at what is free and give up their part of what lacks then,
so that together they give up no more than lacks, and whoever can gives where another one cannot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Sharing:
    """Who shares it. A spool that was not told of others has it to itself."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._members: set[object] = set()
        self._due: set[object] = set()

    def join(self, member: object) -> None:
        self._members.add(member)

    def leave(self, member: object) -> None:
        self._members.discard(member)
        self._due.discard(member)

    @asynccontextmanager
    async def turn(self, member: object) -> AsyncIterator[int]:
        """Its own. Among how many what lacks now is shared: whoever was not asked yet in this
        round, itself among them; the last one gives what is left of it."""
        async with self._turn:
            if member not in self._due:
                self._due = {*self._members, member}
            yield len(self._due)
            self._due.discard(member)
