"""A standby that receives nothing any more while everybody says that it streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.failovers.telling import Bases
from tests.support.running import wait_for


@contextmanager
def receiving_nothing(bases: Bases, name: str, host: str) -> Iterator[None]:
    """Inside, what its primary sends waits in the standby's kernel; afterwards that is lost, as
    when the network had kept it: the receiver ends before it reads on."""
    receiver = receiver_of(bases.replica_on(name, host))
    receiver.suspend()
    try:
        wait_for(lambda: receiver.status() == psutil.STATUS_STOPPED)
        yield
    finally:
        receiver.terminate()
        receiver.resume()


def receiver_of(replica: str) -> psutil.Process:
    """By what it calls itself: the cluster has the replica's name."""
    wanted = f"postgres: {replica}: walreceiver "
    (found,) = (
        process
        for process in psutil.process_iter(["cmdline"])
        if " ".join(process.info["cmdline"] or ()).startswith(wanted)
    )
    return found
