"""Idle under bad weather: 5 % of all datagrams lost, agents that sleep for 2 s. Nothing may move.

Counted from the audit log, which cannot forget: hosts declared lost or hung, and seats planned.
"""

from __future__ import annotations

import os
import random
import signal
import time

from recovery.core.clock import system
from tests.support.stack import Stack

LOSS = 0.05
PAUSE_SECONDS = 2.0
BETWEEN_SECONDS = 6.0
COUNTED = """
SELECT count(*) FILTER (WHERE object_type = 'host'
         AND body #>> '{after,verdict}' IN ('lost', 'hung')) AS "false losses",
       count(*) FILTER (WHERE object_type = 'placement' AND object_version = 1
         AND body #>> '{after,provisional}' = 'true') AS "provisional starts",
       count(*) FILTER (WHERE object_type = 'placement' AND object_version = 1) AS "seats planned",
       count(*) FILTER (WHERE object_type = 'host'
         AND body #>> '{after,verdict}' = 'suspect') AS "suspicions",
       count(*) FILTER (WHERE object_type = 'host'
         AND body #>> '{after,verdict}' = 'agent-down') AS "agent-down",
       count(*) FILTER (WHERE object_type = 'alarm' AND object_version = 1) AS "alarms"
FROM audit_entry WHERE id > %s
"""
NAMES = (
    "false losses",
    "provisional starts",
    "seats planned",
    "suspicions",
    "agent-down",
    "alarms",
)
MUST_BE_NONE = ("false losses", "provisional starts", "seats planned")


def weather(stack: Stack, minutes: float, seed: int) -> dict[str, float]:
    """Let it rain for so long; what the audit log holds of it."""
    rng, began = random.Random(seed), system.monotonic()
    since = stack.newest_entry()
    for name in stack.lab_hosts():
        stack.lab("slow", host=name, loss=LOSS)
    pauses = 0
    while system.monotonic() - began < minutes * 60:
        pauses += _pause(stack, rng)
        time.sleep(BETWEEN_SECONDS - PAUSE_SECONDS)
    found: dict[str, float] = {"minutes": minutes, "pauses": pauses}
    found |= dict(zip(NAMES, map(int, stack.rows(COUNTED, since)[0]), strict=True))
    for title in rung(stack, since):
        print(f"  rang: {title}")
    for name in stack.lab_hosts():
        stack.lab("heal", host=name)
    return found


def rung(stack: Stack, since: int) -> list[str]:
    """What the alarms were about."""
    sql = (
        "SELECT body #>> '{after,title}' FROM audit_entry"
        " WHERE id > %s AND object_type = 'alarm' AND object_version = 1 ORDER BY id"
    )
    return [str(title) for (title,) in stack.rows(sql, since)]


def _pause(stack: Stack, rng: random.Random) -> int:
    """One agent sleeps for 2 s."""
    agent = int(rng.choice(list(stack.lab_hosts().values()))["agent"])
    if not agent:
        return 0
    try:
        os.kill(agent, signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        os.kill(agent, signal.SIGCONT)
    except ProcessLookupError:
        return 0
    return 1


def report(found: dict[str, float]) -> bool:
    """Print it; whether nothing moved."""
    print(f"{found['minutes']:g} min, {LOSS:.0%} of datagrams lost, {found['pauses']:.0f} pauses")
    for name in NAMES:
        print(f"{name:<20}{found[name]:6.0f}{'   must be 0' if name in MUST_BE_NONE else ''}")
    return not any(found[name] for name in MUST_BE_NONE)
