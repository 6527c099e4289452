"""What people do to the lab from the page: each is noted in the audit log, then done.

Invariant: the entry is committed before the act, so that nobody wonders later who it was.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.lab import client


def _do(
    verb: str, word: str, *, target: str, actor: Actor, reason: str, now: datetime, **fields: object
) -> None:
    kind = "datacenter" if "datacenter" in fields else "host"
    entry = Entry(
        action=f"lab: {word}",
        object_type=f"lab {kind}",
        object_id=target,
        object_version=0,
        actor=actor,
        reason=reason,
        at=now,
        evidence={name: value for name, value in fields.items() if name != kind},
    )
    with transaction.atomic():
        append_entries([entry])
    client.ask(verb, fields)


def lose_host(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """SIGKILL of everything on it; its addresses fall silent."""
    _do("kill", "host lost", target=host, host=host, actor=actor, reason=reason, now=now)


def restart_host(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """Off, if it runs, and on again: same disk, new boot, fair weather."""
    _do("restart", "host restarted", target=host, host=host, actor=actor, reason=reason, now=now)


def hang_host(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """Everything on it stops; its kernel still answers."""
    _do("hang", "host hung", target=host, host=host, actor=actor, reason=reason, now=now)


def isolate_host(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """Cut from the control plane only."""
    _do("isolate", "host isolated", target=host, host=host, actor=actor, reason=reason, now=now)


def partition_host(
    *, host: str, way: str = "both", actor: Actor, reason: str, now: datetime
) -> None:
    """Cut from everybody, both ways or one (`in`, `out`)."""
    _do(
        "partition",
        "host partitioned",
        target=host,
        host=host,
        way=way,
        actor=actor,
        reason=reason,
        now=now,
    )


def slow_host(
    *,
    host: str,
    delay_ms: float,
    jitter_ms: float,
    loss: float,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Delay, jitter and loss on its network."""
    _do(
        "slow",
        "host slowed",
        target=host,
        host=host,
        delay_ms=delay_ms,
        jitter_ms=jitter_ms,
        loss=loss,
        actor=actor,
        reason=reason,
        now=now,
    )


def heal_host(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """Fair weather, and what was stopped continues."""
    _do("heal", "host healed", target=host, host=host, actor=actor, reason=reason, now=now)


def kill_agent(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """SIGKILL of the agent alone."""
    _do("kill-agent", "agent killed", target=host, host=host, actor=actor, reason=reason, now=now)


def stop_agent(*, host: str, actor: Actor, reason: str, now: datetime) -> None:
    """SIGSTOP of the agent alone, until `heal_host`."""
    _do("stop-agent", "agent stopped", target=host, host=host, actor=actor, reason=reason, now=now)


def lose_datacenter(*, datacenter: str, actor: Actor, reason: str, now: datetime) -> None:
    """All its hosts at once."""
    _do(
        "kill-datacenter",
        "datacenter lost",
        target=datacenter,
        datacenter=datacenter,
        actor=actor,
        reason=reason,
        now=now,
    )
