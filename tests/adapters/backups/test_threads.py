"""Acts that block have a thread to themselves; one that is idle does the next."""

from __future__ import annotations

import asyncio
import threading

import pytest

from recovery.adapters.backups.threads import in_thread


async def test_one_after_another_they_need_no_more_threads_than_one() -> None:
    assert len({await in_thread(threading.current_thread, "one") for _ in range(50)}) == 1


async def test_side_by_side_none_waits_for_another() -> None:
    together = threading.Barrier(12)
    for _ in range(3):
        await asyncio.gather(*(in_thread(lambda: together.wait(60), "many") for _ in range(12)))


async def test_what_one_raises_is_told_and_the_next_is_done() -> None:
    def fail() -> None:
        raise ValueError("as asked")

    for _ in range(3):
        with pytest.raises(ValueError, match="as asked"):
            await in_thread(fail, "failing")
        assert await in_thread(lambda: 5, "next") == 5


async def test_it_bears_the_name_of_what_it_does_and_no_longer() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def act() -> str:
        begun.set()
        go_on.wait(60)
        return threading.current_thread().name

    running = asyncio.create_task(in_thread(act, "named"))
    await asyncio.to_thread(begun.wait, 10)
    assert "named" in {each.name for each in threading.enumerate()}
    go_on.set()
    assert await running == "named"
    assert "named" not in {each.name for each in threading.enumerate()}
