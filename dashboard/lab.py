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
    "partition": "Cut off",
    "slow": "Slow",
    "kill-agent": "Kill the agent of",
    "heal": "Heal",
    "restart": "Restart",
}
"""What a person may do to one lab host, and the verb on its button."""
SLOW = {"delay_ms": 300.0, "jitter_ms": 200.0, "loss": 0.1}
"""What a slow network is on the page; `manage.py lab slow` takes any."""


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


def _slow_host(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    actions.slow_host(host=host, actor=actor, reason=reason, now=now, **SLOW)


ACTIONS: Mapping[str, HostAct] = {
    "kill": actions.lose_host,
    "hang": actions.hang_host,
    "isolate": actions.isolate_host,
    "partition": actions.partition_host,
    "slow": _slow_host,
    "kill-agent": actions.kill_agent,
    "heal": actions.heal_host,
    "restart": actions.restart_host,
}
