"""The lab's controls, where a lab runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from recovery.audit.facts import Actor
from recovery.core.errors import Refused
from recovery.lab import actions, client

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


class HostAct(Protocol):
    """An action of the lab on one host."""

    def __call__(self, *, host: str, actor: Actor, reason: str, now: datetime) -> None: ...


ACTIONS: Mapping[str, HostAct] = {
    "kill": actions.lose_host,
    "hang": actions.hang_host,
    "isolate": actions.isolate_host,
    "kill-agent": actions.kill_agent,
    "restart": actions.restart_host,
}
