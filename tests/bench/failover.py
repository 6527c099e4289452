"""`make bench-failover`: from SIGKILL of a primary's host to the first acknowledged write.

Measured by the users of the lab's databases (`manage.py writers`): a client through the edge
writes ten times a second and notes each acknowledgement; the gap that the kill tears begins with
the last acknowledged write before it. *served* counts from the kill itself to the end of that
gap. Kills are at least `SPACING` seconds apart, so that the guard (two losses in 120 s) need not
ask a person; a person's word that the next failover within the hour may go on by itself (I-DB-8)
is given through the API, and counted. Each kill is one JSON line, durable before the next: an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from recovery.core.clock import system
from tests.support.person import Person
from tests.support.running import ROOT
from tests.support.stack import Stack, whole_stack

AT_MOST = 180.0
KINDS: Mapping[str, str] = {
    "postgresql synchronous fast": "engine = 'postgresql' AND durability = 'synchronous'"
    " AND profile = 'fast'",
    "postgresql asynchronous fast": "engine = 'postgresql' AND durability = 'asynchronous'"
    " AND profile = 'fast'",
    "valkey fast": "engine = 'valkey' AND profile = 'fast'",
    "postgresql synchronous standard": "engine = 'postgresql' AND durability = 'synchronous'"
    " AND profile = 'standard'",
}
WANTED = dict(zip(KINDS, (30, 10, 10, 10), strict=True))
AIMS = dict(zip(KINDS, ((8, 12), (8, 12), (8, 12), (40, 40)), strict=True))
"""Median and maximum that the issue asks for, in seconds."""
PRIMARY = (
    "SELECT d.name, h.name FROM inventory_database d"
    " JOIN inventory_replica r ON r.id = d.primary_id JOIN inventory_host h ON h.id = r.host_id"
    " WHERE d.plan = 'business' AND {kind} ORDER BY 1"
)
GAP = (
    "SELECT g.seconds, g.lost, g.first_after FROM inventory_writegap g"
    " JOIN inventory_database d ON d.id = g.database_id"
    " WHERE d.name = %s AND g.first_after > %s ORDER BY g.first_after"
)
PHASES = (
    "SELECT f.began_at, f.fenced_at, f.elected_at, f.promoted_at, f.redirected_at, f.loss"
    " FROM failover_failover f JOIN inventory_database d ON d.id = f.database_id"
    " WHERE d.name = %s AND f.began_at > %s ORDER BY f.number"
)
WHOLE = (
    "SELECT count(*) FROM inventory_database d WHERE d.state <> 'serving' OR EXISTS"
    " (SELECT 1 FROM failover_failover f WHERE f.database_id = d.id"
    "  AND f.phase NOT IN ('done', 'abandoned'))"
)


@dataclass(slots=True)
class Kill:
    """One kill. `phases`: seconds from the kill to the end of each."""

    kind: str
    database: str
    host: str
    served: float | None = None
    gap: float | None = None
    lost: int = 0
    quoted: dict[str, object] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)


def main(given: Mapping[str, str]) -> bool:
    """Whatever is still missing of the wanted kills; True when each was served and none lost."""
    folder = Path(os.environ.get("TOCSIN_BENCH", ROOT / "var" / "bench"))
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "failover.jsonl"
    wanted = {kind: int(given.get("KILLS", count)) for kind, count in WANTED.items()}
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    missing = Counter(wanted) - Counter(one["kind"] for one in done)
    if missing:
        with (
            tempfile.TemporaryDirectory(prefix="tocsin-bench-") as home,
            whole_stack(Path(home) / "var", TOCSIN_LAB_DATABASES="1") as stack,
        ):
            _wait_until_whole(stack)
            for kind in _in_turn(missing):
                began = system.monotonic()
                result = kill(stack, kind, len(done))
                done.append(asdict(result))
                with kept.open("a") as out:
                    out.write(json.dumps(done[-1]) + "\n")
                print(f"  {len(done):3} {_said(result)}", flush=True)
                stack.lab("restart", host=result.host)
                _wait_until_whole(stack)
                spacing = float(given.get("SPACING", "61"))
                time.sleep(max(0.0, began + spacing - system.monotonic()))
    return report(done)


def _in_turn(missing: Counter[str]) -> list[str]:
    """One kill of each kind after another, so that an interrupted run has some of each."""
    order = []
    while missing:
        order += sorted(missing)
        missing -= Counter(dict.fromkeys(missing, 1))
    return order


def kill(stack: Stack, kind: str, turn: int) -> Kill:
    """The primary's host of one database of the kind, until its users are served again."""
    found = stack.rows(PRIMARY.format(kind=KINDS[kind]))
    name, host = found[turn % len(found)]
    result = Kill(kind, name, host)
    with Person(stack):
        stack.api("POST", f"/databases/{name}/acknowledge", reason="The bench will kill it again.")
        instant = system.now()
        stack.lab("kill", host=host)
        gaps = _until_served(stack, name, instant)
    if gaps:
        seconds, lost, after = gaps[-1]
        result.gap, result.lost = round(seconds, 3), int(lost)
        result.served = round((after - instant).total_seconds(), 3)
    _add_phases(stack, result, instant)
    return result


def _until_served(stack: Stack, name: str, since: datetime) -> list[tuple[float, int, datetime]]:
    """The gaps that ended after the kill, as soon as there is one."""
    deadline = system.monotonic() + AT_MOST
    while system.monotonic() < deadline:
        if gaps := stack.rows(GAP, name, since):
            return [(float(seconds), int(lost), after) for seconds, lost, after in gaps]
        time.sleep(0.2)
    return []


def _add_phases(stack: Stack, result: Kill, since: datetime) -> None:
    names = ("began", "fenced", "elected", "promoted", "redirected")
    for *instants, loss in stack.rows(PHASES, result.database, since):
        result.quoted = dict(loss)
        result.phases = {
            name: round((at - since).total_seconds(), 3)
            for name, at in zip(names, instants, strict=True)
            if at is not None
        }


def _wait_until_whole(stack: Stack) -> None:
    deadline = system.monotonic() + AT_MOST
    while not (stack.is_calm() and stack.rows(WHOLE) == [(0,)]):
        assert system.monotonic() < deadline, (stack.open_incidents(), stack.verdicts())
        time.sleep(0.5)


def _said(one: Kill) -> str:
    phases = ", ".join(f"{name} {at:.2f}" for name, at in one.phases.items())
    served = "NOT SERVED" if one.served is None else f"served after {one.served:.2f} s"
    return f"{one.database} on {one.host} ({one.kind}): {served}; {phases}; lost {one.lost}"


def report(done: Sequence[Mapping[str, object]]) -> bool:
    """The table, printed; whether every kill was served and nothing synchronous was lost."""
    print(f"\n{'SIGKILL of the primary’s host → write':<38}kills  median  maximum  aim        lost")
    ok = True
    for kind in KINDS:
        ours = [one for one in done if one["kind"] == kind]
        served = [float(str(one["served"])) for one in ours if one["served"] is not None]
        lost = sum(int(str(one["lost"])) for one in ours)
        ok = ok and len(served) == len(ours) and not (lost and " synchronous" in f" {kind}")
        if served:
            median, most = AIMS[kind]
            print(
                f"{kind:<38}{len(ours):5} {statistics.median(served):7.2f} {max(served):8.2f}"
                f"  ≤ {median} / {most:<4} {lost:5}"
            )
    return ok
