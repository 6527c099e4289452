"""The clients' processes of one round: started, stopped, read."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.chaos_failover import seats, writing
from tests.chaos_failover.acks import Ack
from tests.support.running import ROOT
from tests.support.stack import Stack


@dataclass(slots=True)
class Pens:
    """Inside, everybody writes."""

    stack: Stack
    faults: list[str] = field(default_factory=list)
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _outs: list[Path] = field(default_factory=list)

    def __enter__(self) -> Pens:
        self._folder = tempfile.TemporaryDirectory(prefix="tocsin-pens-")
        self._start(seats.clients_on_loopback(seats.servers(self.stack)))
        return self

    def _start(self, clients: list[writing.Client], *prefix: str) -> None:
        assert self._folder is not None
        number = len(self._outs)
        plan = Path(self._folder.name) / f"{number}.plan"
        out = Path(self._folder.name) / f"{number}.acks"
        plan.write_text(writing.plan_of(clients))
        argv = [*prefix, sys.executable, "-m", writing.__name__, str(plan), str(out)]
        self._processes.append(subprocess.Popen(argv, cwd=ROOT))
        self._outs.append(out)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for process in self._processes:
            if process.poll() is not None:
                self.faults.append(f"the clients ended too early: {process.returncode}")
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self.faults.append("the clients did not end when told to")
                process.kill()
                process.wait()
        self._acks = self._read()

    def _read(self) -> tuple[list[Ack], Counter[str]]:
        assert self._folder is not None
        acks: list[Ack] = []
        tried: Counter[str] = Counter()
        for out in self._outs:
            found, ways, failed = writing.read_acks(out)
            acks += found
            tried += ways
            self.faults += failed
        self._folder.cleanup()
        return acks, tried

    _acks: tuple[list[Ack], Counter[str]] = field(default_factory=lambda: ([], Counter()))

    def acks(self) -> tuple[list[Ack], Counter[str]]:
        """Everything that was acknowledged, and how often each way was tried."""
        return self._acks
