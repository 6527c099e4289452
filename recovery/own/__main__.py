"""The process that archives Tocsin's own database, as `make up` starts it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path

from recovery.engines.state import State
from recovery.own.archiving import keep

_POLITE = 5


async def _main(state: State) -> None:
    work = asyncio.create_task(keep(state))
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    os.nice(_POLITE)
    asyncio.run(_main(State(Path(os.environ.get("TOCSIN_VAR") or "var").resolve())))
