"""The controller process: links in the event loop, the judgement in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from recovery.controller.eyes import Eyes
from recovery.controller.foresight import Foresight
from recovery.controller.judge import Judge
from recovery.controller.links import Links
from recovery.controller.sighted import Sighted
from recovery.core.clock import Clock
from recovery.detection.cycle import Watch
from recovery.gateway.digest import AskLook


async def run_controller(
    *, holder: str, gateways: Sequence[str], secret: str, clock: Clock
) -> None:
    """Watch and judge until cancelled."""
    eyes = Eyes(gateways)
    links = Links(gateways, secret, eyes, clock)
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def ask(looks: Sequence[AskLook], wake: bool) -> None:
        asyncio.run_coroutine_threadsafe(links.ask(looks, wake=wake), loop)

    foresight = Foresight(clock)
    sighted = Sighted(eyes, Watch.begin(clock.monotonic()), fits=lambda: foresight.fits)
    judge = Judge(holder=holder, clock=clock, sighted=sighted, ask=ask)
    judging = asyncio.create_task(asyncio.to_thread(judge.run, stop))
    others = {
        asyncio.create_task(links.run()),
        asyncio.create_task(foresight.run(lambda: judge.epoch > 0)),
    }
    try:
        await asyncio.wait({judging, *others}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        for task in others:
            task.cancel()
    await judging
