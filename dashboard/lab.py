"""The lab's controls, where a lab runs."""

from __future__ import annotations

from collections.abc import Mapping

from recovery.core.errors import Refused
from recovery.lab import client

HOST_VERBS: Mapping[str, str] = {
    "kill": "Lose",
    "hang": "Hang",
    "isolate": "Isolate",
    "kill-agent": "Kill the agent of",
    "restart": "Restart",
}
"""What a person may do to one lab host, and the verb on its button."""


def is_running() -> bool:
    """Whether this installation has a lab to play with."""
    return client.socket_path().exists()


def must_run() -> None:
    """Raise `Refused` where there is none."""
    if not is_running():
        raise Refused("No lab runs here.", todo="Start one with `make up`.")
