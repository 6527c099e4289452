"""Waiting for what a test expects, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], object | Awaitable[object]], seconds: float = 60.0) -> None:
    """Returns once it holds; `TimeoutError` when that does not happen in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
