"""`python -m recovery.lab.daemon`: the lab with all its hosts, until SIGTERM or SIGINT.

No Django here: `manage.py lab run` becomes this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys

from recovery.core.errors import TocsinError
from recovery.lab import linux
from recovery.lab.cluster import Lab
from recovery.lab.door import Door
from recovery.lab.settings import LabSettings, from_environment

_log = logging.getLogger("tocsin.lab")


async def serve(settings: LabSettings) -> None:
    """Opens, boots every host, stays; ends with everything it started."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    lab = Lab(settings)
    door = Door(lab, settings.socket)
    try:
        await door.open()
        await lab.open()
        mirror = asyncio.create_task(lab.run(), name="lab")
        await lab.boot_all()
        _log.info("%d hosts are up", len(lab.machines))
        ending = asyncio.create_task(stop.wait(), name="until told to stop")
        await asyncio.wait({ending, mirror}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        mirror.cancel()
    finally:
        await door.close()
        await lab.close()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    linux.name_process("lab-daemon")
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(serve(from_environment()))
    except TocsinError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
