"""A standby that receives nothing any more while everybody says that it streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.failovers.telling import Bases
from tests.support.running import wait_for

RECEIVER = "postgres: walreceiver"


@contextmanager
def receiving_nothing(bases: Bases, name: str, host: str) -> Iterator[None]:
    """Inside, what its primary sends waits in the standby's kernel; afterwards that is lost, as
    when the network had kept it: the receiver ends before it reads on."""
    (receiver,) = _receivers(bases, name, host)
    receiver.suspend()
    try:
        wait_for(lambda: receiver.status() == psutil.STATUS_STOPPED)
        yield
    finally:
        receiver.terminate()
        receiver.resume()


def _receivers(bases: Bases, name: str, host: str) -> list[psutil.Process]:
    """By what it is called and where its data are: several databases share a machine."""
    folder = Path(bases.stack.env["TOCSIN_VAR"]) / "lab" / "hosts" / host
    replica = bases.replica_on(name, host)
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        where = Path(process.info["cwd"] or "/")
        words = " ".join(process.info["cmdline"] or ())
        if words.startswith(RECEIVER) and folder in where.parents and replica in where.parts:
            found.append(process)
    return found
