"""What is told to stop stops, or is named. Every "cancel and wait" goes through here.

Invariants: whoever waits here waits for a bounded time, whatever the tasks do; a task that went on
after it was cancelled (a library took the cancellation for its own) is cancelled again and named in
the log, as is one that still runs at the end; whoever cancels the waiter meanwhile is heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

_log = logging.getLogger("tocsin.ending")
AGAIN_SECONDS = 5.0
"""For so long whoever was cancelled may tidy up before that is broken off."""
MOST_SECONDS = 30.0


async def end(
    tasks: Iterable[asyncio.Task[Any]],
    *,
    again: float = AGAIN_SECONDS,
    within: float = MOST_SECONDS,
) -> frozenset[asyncio.Task[Any]]:
    """Cancels them, and returns once all have ended, or after `within`: those that still run then.
    What they ended with is nobody's to hear any more."""
    waited = set(tasks)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    for task in waited:
        task.cancel()
        task.add_done_callback(_heard)
    while waited:
        left = deadline - loop.time()
        _, waited = await asyncio.wait(waited, timeout=max(0.0, min(again, left)))
        if waited and loop.time() >= deadline:
            _log.error("%s: runs on, %.0f s after it was cancelled", _names(waited), within)
            break
        for task in waited:
            _log.warning("%s: went on after it was cancelled; again", task.get_name())
            task.cancel()
    return frozenset(waited)


def _heard(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


def _names(tasks: Iterable[asyncio.Task[Any]]) -> str:
    return ", ".join(sorted(task.get_name() for task in tasks))
