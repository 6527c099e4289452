"""Acts that block, each in a thread of its own that nobody waits for at the end.

A disk or a service that hangs may hold such a thread for ever. asyncio's own threads are waited for
when a loop closes and again when the process ends: one hung disk, and an agent never stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(act: Callable[[], T], name: str) -> T:
    """What it gives or raises. Whoever is cancelled leaves it behind."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[T] = loop.create_future()

    def told(result: T | None, error: BaseException | None) -> None:
        if came.done():
            return
        if error is not None:
            came.set_exception(error)
        else:
            came.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = act()
        except BaseException as raised:  # noqa: BLE001 - it is raised again where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(told, result, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await came
