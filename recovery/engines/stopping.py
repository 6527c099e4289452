"""Looking at and stopping a Tocsin that was started elsewhere."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from recovery.engines import children
from recovery.engines.state import State

STOP_SECONDS = 60.0


def describe(status: Mapping[str, Any]) -> str:
    """The status as lines for people."""
    if not status:
        return "Tocsin does not run here. Start it with: make up"
    lines = [f"{status['url']}  (process {status['keeper']})"]
    for each in status["processes"]:
        state = "up" if each["is_up"] else "starting" if each["pid"] else "down"
        again = f", restarted {each['restarts']} times" if each["restarts"] else ""
        lines.append(
            f"  {each['name']:14} {state:9} process {each['pid']} since {each['since']}{again}"
        )
    return "\n".join(lines)


def stop(state: State, *, say: Callable[[str], object]) -> bool:
    """Ask the keeper to stop everything and wait; True when nothing runs afterwards."""
    pid = state.running_pid()
    if pid is None:
        say("Tocsin does not run here.")
        return True
    children.signal_quietly(pid, signal.SIGTERM)
    if children.wait_until_gone([pid], STOP_SECONDS):
        say(f"Tocsin (process {pid}) still stops after {STOP_SECONDS:.0f} s; logs: {state.log}")
        return False
    say("stopped")
    return True
