"""One round: a schedule for each database at once, fair weather, then what both sides were told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import psycopg

from recovery.core.clock import system
from recovery.lab.databases.clients import NotWritten
from tests.chaos import checks
from tests.chaos_failover import seats
from tests.chaos_failover.acks import Ack, longest_gap, overlaps
from tests.chaos_failover.pens import Pens
from tests.chaos_failover.person import Person
from tests.chaos_failover.plan import Schedule
from tests.chaos_failover.sessions import open_checked
from tests.chaos_failover.strikes import Striker
from tests.support.stack import Stack

WHOLE_SECONDS = 120.0
READ_SECONDS = 30.0
REST_SECONDS = 180.0
"""Before a round whatever an earlier one left has to end."""
WELL_SECONDS = 6
"""For so long a standby has to be well before it may take over (I-DB-6), instead of a minute."""
NOT_WHOLE = """
SELECT d.name, concat_ws(', ', d.state || ' ' || d.state_reason,
  CASE WHEN d.degraded_at IS NOT NULL THEN 'degraded: ' || d.degraded_reason END,
  'users: ' || coalesce(nullif(p.last_error, ''), '-'),
  (SELECT string_agg(h.name || ' ' || r.role || ' ' || r.state || ' ' || coalesce(s.state, '-')
     || ' follows ' || coalesce(s.fact->>'follows', '-') || ' gate ' || coalesce(s.fact->>'gate', '-')
     || ' ' || coalesce(s.fact->>'detail', ''), '; ')
   FROM inventory_replica r JOIN inventory_host h ON h.id = r.host_id
   LEFT JOIN inventory_replicasight s ON s.replica_id = r.id
   WHERE r.database_id = d.id AND r.state <> 'retired'),
  (SELECT string_agg('failover ' || f.number || ' ' || f.kind || ' in ' || f.phase || ' '
     || f.waiting_for, '; ')
   FROM failover_failover f WHERE f.database_id = d.id AND f.phase NOT IN ('done', 'abandoned')))
FROM inventory_database d
LEFT JOIN inventory_writeprobe p ON p.database_id = d.id
LEFT JOIN failover_lease l ON l.database_id = d.id AND NOT l.revoked AND l.epoch = d.epoch
WHERE d.state <> 'serving' OR d.degraded_at IS NOT NULL OR p.last_ack_at IS NULL
   OR p.failing_since IS NOT NULL OR p.at < now() - interval '5 s' OR l.id IS NULL
   OR NOT EXISTS (SELECT FROM inventory_replica r JOIN inventory_replicasight s
                  ON s.replica_id = r.id WHERE r.database_id = d.id AND r.role = 'standby'
                  AND r.state = 'member' AND s.state = 'running' AND s.fact->>'follows' <> ''
                  AND s.at > now() - interval '5 s')
   OR EXISTS (SELECT FROM failover_failover f WHERE f.database_id = d.id
              AND f.phase NOT IN ('done', 'abandoned'))
"""  # noqa: E501
"""Databases that do not serve with redundancy, and why. An unfinished failover is one too."""
RESTED = """
SELECT d.name FROM inventory_database d WHERE NOT EXISTS (
  SELECT FROM inventory_replica r JOIN inventory_replicasight s ON s.replica_id = r.id
  WHERE r.database_id = d.id AND r.role = 'standby'
    AND coalesce((s.fact->>'healthy_ms')::bigint, 0) > %s)
"""
"""Databases whose standby has not been well for long enough to take over (I-DB-6)."""
SINCE = (
    "SELECT d.name, f.kind, f.phase, f.loss, f.end_reason FROM failover_failover f"
    " JOIN inventory_database d ON d.id = f.database_id WHERE f.began_at > %s ORDER BY f.number"
)
DEGRADED = (
    "SELECT DISTINCT d.name FROM audit_entry a JOIN inventory_database d"
    " ON d.id::text = a.object_id WHERE a.object_type = 'database' AND a.recorded_at > %s"
    " AND a.body->>'action' = 'degraded'"
)


class NotAtRest(Exception):
    """A round cannot begin: what an earlier one left is not whole, and says so."""


@dataclass(slots=True)
class Result:
    """What a schedule found, as it is kept. `beside`: the schedules of the same round; `tried`: how
    often each way was, at all servers of the round, in `seconds`."""

    seed: int
    schedule: int
    database: str
    gate: str
    plan: str
    beside: list[int] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    acknowledged: int = 0
    by_way: dict[str, int] = field(default_factory=dict)
    rested: float = 0.0
    seconds: float = 0.0
    tried: dict[str, int] = field(default_factory=dict)
    failovers: list[str] = field(default_factory=list)
    longest_gap: float = 0.0
    lost: int = 0
    quoted: list[object] = field(default_factory=list)
    degraded: bool = False
    whole: float | None = None
    person: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, object]:
        return {"ok": self.ok, **asdict(self)}


def play(stack: Stack, seed: int, schedules: Sequence[Schedule]) -> list[Result]:
    """The round from fair weather to fair weather, and what it found."""
    results = {
        one.database: Result(seed, one.number, one.database, gate_of(stack), str(one))
        for one in schedules
    }
    for one in results.values():
        one.beside = [each.number for each in schedules if each.number != one.schedule]
    rested = rest(stack)
    since = system.now()
    asyncio.run(_empty(stack, [*results]))
    began = system.monotonic()
    with Pens(stack) as pens, Person(stack) as person:
        pens.wait_until_heard()
        _strike(stack, schedules, results)
        _fair_weather(stack)
        _until_whole(stack, results)
        time.sleep(1.0)  # some more acknowledgements of the end
        seconds = system.monotonic() - began
    for name, result in results.items():
        _judge(stack, result, [ack for ack in pens.acks if ack.tenure.database == name])
    _look_at_rows(stack, results, since)
    for result in results.values():
        result.person = person.told()
        result.rested = rested
        result.tried, result.seconds = dict(pens.tried), round(seconds, 1)
        result.faults += pens.faults
    assert all(pens.tried.values()), pens.tried
    return [*results.values()]


def gate_of(stack: Stack) -> str:
    return "nftables" if stack.env["TOCSIN_LAB_MODE"] == "netns" else "watchdog"


def rest(stack: Stack) -> float:
    """Wait until everything serves and every standby could take over; how long that took. The
    losses of one round don't count for the next one's guard."""
    began = system.monotonic()
    while not _is_at_rest(stack):
        if system.monotonic() > began + REST_SECONDS:
            raise NotAtRest(_unrest(stack))
        time.sleep(0.25)
    return round(system.monotonic() - began, 1)


def _is_at_rest(stack: Stack) -> bool:
    with suppress(psycopg.OperationalError):
        stack.forget_losses()
        return (
            stack.is_calm()
            and stack.is_watching()
            and not stack.rows(NOT_WHOLE)
            and not stack.rows(RESTED, WELL_SECONDS * 1000 + 1000)
        )
    return False


def _unrest(stack: Stack) -> str:
    with suppress(psycopg.OperationalError):
        rested = stack.rows(RESTED, WELL_SECONDS * 1000 + 1000)
        return str((*stack.rows(NOT_WHOLE), *rested, *stack.open_incidents()))
    return "Tocsin's own PostgreSQL is away"


def _strike(stack: Stack, schedules: Sequence[Schedule], results: dict[str, Result]) -> None:
    time.sleep(1.0)  # of acknowledgements before anything befalls
    began = system.monotonic()
    strikers = [Striker(stack, one, began) for one in schedules]
    for striker in strikers:
        striker.start()
    for striker in strikers:
        striker.join()
        results[striker.schedule.database].done = striker.done


def _fair_weather(stack: Stack) -> None:
    """Every host is up, and what befell it has an end."""
    for name, host in stack.lab_hosts().items():
        stack.lab("restart" if host["state"] == "down" else "heal", host=name)


def _until_whole(stack: Stack, results: dict[str, Result]) -> None:
    """Seconds from fair weather on until each database serves with redundancy."""
    began = system.monotonic()
    waiting = dict.fromkeys(results, "nothing was seen")
    while waiting and system.monotonic() < began + WHOLE_SECONDS:
        with suppress(psycopg.OperationalError):
            seen = dict(stack.rows(NOT_WHOLE))
            for name in set(waiting) - set(seen):
                results[name].whole = round(system.monotonic() - began, 1)
            waiting = {name: seen[name] for name in waiting if name in seen}
        time.sleep(0.25)
    for name, why in waiting.items():
        results[name].faults.append(f"not whole after {WHOLE_SECONDS:.0f} s: {why}")


def _judge(stack: Stack, result: Result, acks: list[Ack]) -> None:
    """What its clients were told, against one another and against what is there now."""
    result.acknowledged = len(acks)
    result.by_way = dict(Counter(ack.way for ack in acks))
    result.longest_gap = round(longest_gap(acks), 2)
    result.faults += [str(found) for found in overlaps(acks)]
    try:
        present = asyncio.run(_present(stack, result.database))
    except (NotWritten, TimeoutError) as error:
        result.faults.append(f"its users cannot read: {error}")
        return
    result.lost = len({ack.number for ack in acks} - present)


def _look_at_rows(stack: Stack, results: dict[str, Result], since: object) -> None:
    for name, kind, phase, loss, why in stack.rows(SINCE, since):
        if name in results:
            results[name].failovers.append(f"{kind}: {phase} {why}".strip())
            results[name].quoted.append(loss)
    for (name,) in stack.rows(DEGRADED, since):
        if name in results:
            results[name].degraded = True
    synchronous = {
        name
        for (name,) in stack.rows(
            "SELECT name FROM inventory_database WHERE durability = 'synchronous'"
        )
    }
    twice = checks.acted_twice(stack)
    for name, result in results.items():
        if result.lost and name in synchronous and not result.degraded:
            result.faults.append(f"{result.lost} acknowledged writes are lost")
        result.faults += twice


async def _empty(stack: Stack, databases: Sequence[str]) -> None:
    for name in databases:
        async with asyncio.timeout(10):
            session = await open_checked(seats.edge_door(stack, name))
            await session.begin()
            session.close()


async def _present(stack: Stack, database: str) -> set[int]:
    """As a user reads who tries again: it was whole once, and may be failing over anew."""
    deadline = system.monotonic() + READ_SECONDS
    while True:
        try:
            async with asyncio.timeout(10):
                return await _read(stack, database)
        except (NotWritten, TimeoutError):
            if system.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


async def _read(stack: Stack, database: str) -> set[int]:
    session = await open_checked(seats.edge_door(stack, database))
    try:
        return await session.present()
    finally:
        session.close()
