"""A Valkey of a test's own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recovery.core.clock import system
from recovery.engines import children
from recovery.engines.valkey import Valkey


@contextmanager
def running_valkey(server: Valkey, log: Path) -> Iterator[Valkey]:
    """Inside, the server answers; afterwards it is gone."""
    with log.open("ab") as out:
        process = children.spawn(server.command(), log=out)
    try:
        deadline = system.monotonic() + 10
        while not server.answers():
            if system.monotonic() > deadline:
                raise RuntimeError(f"Valkey did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield server
    finally:
        children.end([process.pid], polite=signal.SIGTERM, seconds=5)
        process.wait()
