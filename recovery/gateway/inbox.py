"""What one agent said and nobody has heard yet, in its order.

Invariant: of the whole pictures of its servers only the newest one is heard. Each is taken for what
is so now when it is heard, so an older one that waited would be told as live; and where rows are
slow, one a second would put everything behind them off, outcomes too, for as long as it goes on.
"""

from __future__ import annotations

import asyncio

from recovery.core import wire

MOST = 500
"""Frames of one agent that may wait to be heard; it sends a few a second."""


class Inbox:
    """One writer, one reader."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[wire.FromAgent | None] = asyncio.Queue(MOST)
        self._pictures = 0

    def put(self, frame: wire.FromAgent) -> None:
        """Raises `asyncio.QueueFull`."""
        self._frames.put_nowait(frame)
        self._pictures += isinstance(frame, wire.DatabaseReport)

    async def end(self) -> None:
        """Nothing comes any more."""
        await self._frames.put(None)

    async def next(self) -> wire.FromAgent | None:
        """None: that was all."""
        while True:
            frame = await self._frames.get()
            if not isinstance(frame, wire.DatabaseReport):
                return frame
            self._pictures -= 1
            if not self._pictures:
                return frame
