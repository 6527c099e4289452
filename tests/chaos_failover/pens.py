"""The clients' processes of one round: started where they have to stand, stopped, read.

Mode relay: one process. Mode netns: one in this machine's network, and one inside the network of
every host, again in each of its lives: a host that starts anew has a new network. They are no
processes of the host, so its loss does not end them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from recovery.core.errors import TocsinError
from tests.chaos_failover import seats, writing
from tests.chaos_failover.acks import Ack
from tests.support.running import ROOT, wait_for
from tests.support.stack import Stack

LOOKS_EVERY = 0.5


@dataclass(slots=True)
class Pens:
    """Inside, everybody writes."""

    stack: Stack
    faults: list[str] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    _folder: Path = Path()
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _servers: list[seats.Server] = field(default_factory=list)
    _lives: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Pens:
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-pens-"))
        self._servers = seats.servers(self.stack)
        if self.stack.env["TOCSIN_LAB_MODE"] != "netns":
            self._start(seats.clients_on_loopback(self._servers))
            return self
        self._start(seats.clients_of_the_machine(self._servers))
        self._enter_hosts()
        self._thread = threading.Thread(target=self._watch, name="pens", daemon=True)
        self._thread.start()
        return self

    def wait_until_heard(self) -> None:
        """Each database has acknowledged from outside and, mode netns, from inside its primary's
        host: what befalls earlier befalls nobody."""
        wanted = {server.database for server in self._servers}

        def is_heard() -> bool:
            numbers = range(len(self._processes))
            outside, *inside = [writing.databases_in(self._acks(number)) for number in numbers]
            return outside >= wanted and (not inside or set().union(*inside) >= wanted)

        wait_for(is_heard, 60.0)

    def _acks(self, number: int) -> Path:
        return self._folder / f"{number}.acks"

    def _watch(self) -> None:
        while not self._stop.wait(LOOKS_EVERY):
            with suppress(TocsinError, OSError):
                self._enter_hosts()

    def _enter_hosts(self) -> None:
        """Clients inside each network that nobody writes in yet."""
        for host, seen in self.stack.lab_hosts().items():
            first = int(seen["pid"])
            if first and first not in self._lives:
                self._lives.add(first)
                clients = seats.clients_inside(host, self._servers)
                self._start(clients, "nsenter", f"--net=/proc/{first}/ns/net")

    def _start(self, clients: list[writing.Client], *prefix: str) -> None:
        number = len(self._processes)
        plan, out = self._folder / f"{number}.plan", self._acks(number)
        plan.write_text(writing.plan_of(clients, group=number))
        argv = [*prefix, sys.executable, "-m", writing.__name__, str(plan), str(out)]
        self._processes.append(subprocess.Popen(argv, cwd=ROOT))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for process in self._processes:
            if process.poll() is not None:
                self.faults.append(f"clients ended too early: {process.returncode}")
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self.faults.append("clients did not end when told to")
                process.kill()
                process.wait()
        self._read()

    def _read(self) -> None:
        for number in range(len(self._processes)):
            found, ways, failed = writing.read_acks(self._acks(number))
            self.acks += found
            self.tried += ways
            self.faults += failed
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()
