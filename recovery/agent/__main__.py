"""`python -m recovery.agent --config FILE`: runs until SIGTERM; its containers stay."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from recovery.agent.agent import Agent, require_token
from recovery.agent.config import Config, load
from recovery.core.errors import TocsinError


async def serve(config: Config) -> None:
    """The agent until SIGTERM or SIGINT."""
    require_token(config)
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel) if task else None
    with contextlib.suppress(asyncio.CancelledError):
        if config.realm == "drill":
            from recovery.agent.drills.serving import serve_drills  # noqa: PLC0415 - there alone

            await serve_drills(config)
        else:
            await Agent(config).run()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recovery.agent", description=__doc__)
    parser.add_argument("--config", required=True, type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(load(options.config)))
    except TocsinError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
