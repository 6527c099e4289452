"""What the stories look up, and how they note their figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from recovery.alarms.decide import STORM, digest_at
from recovery.core.clock import system
from recovery.inventory.facts import DESIRED
from tests.support.seats import containers
from tests.support.stack import Stack

OPERATIONS = "SELECT count(*) FROM operations_operation"


def diary(*said: str | Mapping[str, str]) -> None:
    """A line for people, past pytest's capture: figures are for reading."""
    words = [
        one if isinstance(one, str) else ", ".join(f"{k} {v}" for k, v in one.items())
        for one in said
    ]
    sys.__stdout__ and sys.__stdout__.write("\n    " + " ".join(words) + "\n")


def may_write_at_once(stack: Stack) -> bool:
    """The stories before this one are storm enough that letters about losses are bundled."""
    sql = (
        "SELECT max(coalesce(d.accepted_at, d.next_at))"
        " FROM alarms_delivery d JOIN alarms_alarm a ON a.id = d.alarm_id WHERE a.key = %s"
    )
    last = stack.rows(sql, STORM)[0][0]
    return digest_at(last, system.now()) <= system.now()


def cast(stack: Stack) -> list[str]:
    """All applications."""
    return sorted(copies_of(stack))


def copies_of(stack: Stack) -> dict[str, int]:
    return dict(stack.rows("SELECT name, copies FROM inventory_application"))


def home_of(stack: Stack, application: str) -> str:
    """The host of its running container."""
    return str(
        stack.rows(
            "SELECT h.name FROM inventory_placement p JOIN inventory_host h ON h.id = p.host_id"
            " JOIN inventory_application a ON a.id = p.application_id"
            " WHERE a.name = %s AND p.state = 'running'",
            application,
        )[0][0]
    )


def seats_at(stack: Stack, host: str) -> dict[str, int]:
    """Container → generation of the seats that are to run on this host."""
    return {name: generation for name, generation, state in _seats(stack, host) if state in DESIRED}


def is_rid_of(stack: Stack, host: str, seats: Mapping[str, int]) -> bool:
    """Neither the rows nor the host itself have these generations any more."""
    running = {
        (one["container"], int(one["generation"]))
        for one in containers(stack.inner)
        if one["host"] == host
    }
    rows = {(name, generation) for name, generation, _ in _seats(stack, host)}
    return not (running | rows) & set(seats.items())


def _seats(stack: Stack, host: str) -> list[tuple[str, int, str]]:
    return [
        (f"{name}-{ordinal}", generation, state)
        for name, ordinal, generation, state in stack.rows(
            "SELECT a.name, c.ordinal, p.generation, p.state FROM inventory_placement p"
            " JOIN inventory_host h ON h.id = p.host_id"
            " JOIN inventory_container c ON c.id = p.container_id"
            " JOIN inventory_application a ON a.id = p.application_id"
            " WHERE h.name = %s AND p.state <> ALL(%s)",
            host,
            ["stopped", "failed"],
        )
    ]


def what_runs(stack: Stack) -> set[str]:
    """Every container process of the lab, by pid: a moved or restarted one has another."""
    return {f"{one['container']} {one['pid']}" for one in containers(stack.inner)}


def acts(stack: Stack) -> tuple[int, int, int]:
    """Seats, operations and losses there ever were: who does nothing adds none."""
    return stack.placements(), int(stack.rows(OPERATIONS)[0][0]), stack.losses()


def victims(stack: Stack, of: int = 1) -> list[str]:
    """Hosts of different datacenters without the singleton, those with most containers first; where
    a datacenter joined too late for a container, others of those that have some. Of several none
    with a copy of what wants fast disks: few hosts have them, and the rest may have no room."""
    picky = "search" if of > 1 else ""
    rows = stack.rows(
        "SELECT h.name, d.name, count(*) FROM inventory_placement p"
        " JOIN inventory_host h ON h.id = p.host_id"
        " JOIN inventory_datacenter d ON d.id = h.datacenter_id"
        " JOIN inventory_application a ON a.id = p.application_id"
        " WHERE p.state = 'running' GROUP BY 1, 2"
        " HAVING bool_and(a.kind = 'stateless' AND a.name <> %s) ORDER BY 3 DESC, 1",
        picky,
    )
    ordered = rows if of == 1 else rows[::-1]
    chosen: dict[str, str] = {}
    for host, place, _ in ordered:
        chosen.setdefault(place, host)
    apart = list(chosen.values())
    return [*apart, *(host for host, _, _ in ordered if host not in apart)][:of]


def outage_seconds(stack: Stack) -> dict[str, float]:
    """Of this month, as the rows have it."""
    return {
        name: float(seconds)
        for name, seconds in stack.rows(
            "SELECT a.name, coalesce(sum(extract(epoch FROM"
            " coalesce(o.ended_at, now()) - o.started_at)), 0)"
            " FROM inventory_application a LEFT JOIN traffic_outage o ON o.application_id = a.id"
            " GROUP BY 1"
        )
    }
