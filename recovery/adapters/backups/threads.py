"""Acts that block, each in a thread that is its own meanwhile, that nobody waits for at the end.

A disk or a service that hangs may hold such a thread for ever. asyncio's own threads are waited for
when a loop closes and again when the process ends: one hung disk, and an agent never stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_IDLE, _PATIENCE = "idle", 5.0
"""What is called so ends after so many seconds."""


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

    def work() -> Callable[[], None]:
        result, error = None, None
        try:
            result = act()
        except BaseException as raised:  # noqa: BLE001 - it is raised again where it is awaited
            error = raised

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
                loop.call_soon_threadsafe(told, result, error)

        return tell

    _begin(work, name)
    return await came


_Work = Callable[[], Callable[[], None]]
_Inbox = SimpleQueue[tuple[_Work, str]]
_idle: list[_Inbox] = []


def _begin(work: _Work, name: str) -> None:
    """By one that has nothing to do, else by a new one: whoever starts a thread waits for it, and
    where all cores are busy that is longer than many an act takes."""
    try:
        inbox = _idle.pop()
    except IndexError:
        inbox = _Inbox()
        threading.Thread(target=_work, args=(inbox,), daemon=True).start()
    inbox.put((work, name))


def _work(inbox: _Inbox) -> None:
    mine = threading.current_thread()
    while True:
        try:
            work, mine.name = inbox.get(timeout=_PATIENCE)
        except Empty:
            try:
                _idle.remove(inbox)
            except ValueError:  # somebody has just taken it
                continue
            return
        tell = work()
        mine.name = _IDLE
        _idle.append(inbox)  # before it is told: who asks next finds it
        tell()
        del work, tell
