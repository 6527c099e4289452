"""A Tocsin of a test's own, started as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recovery.engines import children, leftovers
from recovery.engines.edge.doors import SIZE
from recovery.engines.state import AlreadyRunning, State
from tests.support import own
from tests.support.clocks.steady import steady

ROOT = Path(__file__).resolve().parents[2]
LEAN = "web gateway controller controller-2 worker beat notifier prober lab"
"""Left out where a test is about the supervisor: the stores and the edge are enough."""


@dataclass(slots=True)
class Running:
    """The process that the person started, and what one can see of it."""

    state: State
    process: subprocess.Popen[str]
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    def status(self) -> dict[str, Any]:
        return self.state.read_status()

    def pid_of(self, name: str) -> int | None:
        for each in self.status().get("processes", []):
            if each["name"] == name:
                return each["pid"] if each["is_up"] else None
        return None

    def wait_until_up(self, seconds: float = 180.0) -> None:
        wait_for(lambda: "Tocsin is up" in self.said or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.said

    def processes(self) -> list[int]:
        """Everything that carries this folder's mark."""
        return leftovers.find(self.state.folder)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return as soon as the condition holds; fail when it does not within the time. Seconds in
    which the machine stood still do not count."""
    deadline = steady.monotonic() + seconds
    while not condition():
        assert steady.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A person's environment: nothing of the test run's, and ports of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    doors = own.free_block(SIZE)
    ports = {"TOCSIN_DATABASE_PORTS": f"{doors[0]}-{doors[-1]}"}
    ports |= {
        f"TOCSIN_{name}PORT": str(own.free_port())
        for name in ("", "EDGE_", "GATEWAY_", "GATEWAY_TLS_")
    }
    return kept | ports | {"TOCSIN_VAR": str(folder), "TOCSIN_WITHOUT": LEAN} | more


@contextmanager
def started(folder: Path, env: Mapping[str, str], *, wait: bool = True) -> Iterator[Running]:
    """Inside, `manage.py up` runs; afterwards nothing of it does."""
    output = folder.with_name(f"{folder.name}.{own.free_port()}.output")
    with output.open("w") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=dict(env),
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    running = Running(State(folder), process, output)
    try:
        if wait:
            running.wait_until_up()
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        finally:
            process.kill()
            process.wait(90)
            _end_what_is_left(running.state)


def _end_what_is_left(state: State) -> None:
    """Kill what carries the folder's mark, unless another start holds the folder."""
    try:
        lock = state.take_lock()
    except (AlreadyRunning, FileNotFoundError):
        return
    with lock:
        for pid in leftovers.find(state.folder):
            children.signal_quietly(pid, signal.SIGKILL)
