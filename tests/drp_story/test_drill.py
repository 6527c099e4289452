"""The shipped runbook drilled by two people while production serves: databases are restored and an
application is started on the drill host, all of it is seen gone afterwards, and production has not
felt anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.failovers.restoring import covered, has_points
from tests.failovers.telling import Bases
from tests.stories.telling import diary
from tests.support.running import ROOT, wait_for
from tests.support.stack import whole_stack

pytestmark = pytest.mark.timeout(1200)
LAB_FILE = Path(__file__).with_name("drill.yaml")
NAMES = ("notes-pg", "orders-pg", "sessions-valkey")
PRODUCTION = {
    "databases": "SELECT name, state, epoch, primary_id FROM inventory_database",
    "replicas": "SELECT id, host_id, role, state FROM inventory_replica",
    "seats": "SELECT id, host_id, generation, state, port FROM inventory_placement",
    "leases": "SELECT database_id, epoch, revoked FROM failover_lease",
    "hosts": "SELECT name, verdict, cordoned_at, quarantined_at FROM inventory_host",
    "failovers": "SELECT id FROM failover_failover",
    "fences": "SELECT id FROM failover_fence",
    "restores": "SELECT id FROM restores_restore",
    "freezes": "SELECT id FROM detection_freeze",
    "effects": "SELECT id FROM drp_effect",
}
GAPS = """
SELECT d.name, g.seconds FROM inventory_writegap g JOIN inventory_database d
ON d.id = g.database_id WHERE g.first_after > %s
"""
THINGS = "SELECT target_name, state, gone_said FROM drp_drillthing ORDER BY begun_at"
STATES = """
SELECT t.state FROM drp_drillthing t JOIN drp_run r ON r.id = t.run_id
WHERE r.number = (SELECT max(number) FROM drp_run)
"""
NEWEST = "SELECT coalesce(max(number), 0) FROM drp_run"
REPORT = """
SELECT 1 FROM drp_report p JOIN drp_run r ON r.id = p.run_id WHERE r.number = %s
"""
STEPS = """
SELECT s.name, s.state FROM drp_runstep s JOIN drp_run r ON r.id = s.run_id
WHERE r.number = (SELECT max(number) FROM drp_run WHERE number > %s)
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    folder = tmp_path_factory.mktemp("drill") / "var"
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1", "TOCSIN_LAB_DRILLS": "1"}
    with whole_stack(folder, TOCSIN_LAB_FILE=str(LAB_FILE), **more) as stack:
        formed = Bases(stack)
        formed.prove()
        has_points(formed, NAMES, 1, 2)
        yield formed


def drilled(bases: Bases, seconds: float = 400.0, holds: str = "") -> dict[str, Any]:
    """Two people lead the drill, in a process of their own."""
    words = [sys.executable, "-m", "tests.drp_story.driving", "AAA1", "BBB1", str(seconds), "drill"]
    env = dict(bases.stack.env) | {"STORY_HOLDS": holds}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    for name, (state, said) in told["steps"].items():
        diary(f"{told['name']} {name}: {state}. {said}")
    for step, target, state, said in told["acts"]:
        diary(f"  {step} {target}: {state}. {said}")
    return told


def production(bases: Bases) -> dict[str, set[Any]]:
    return {name: set(bases.stack.rows(sql)) for name, sql in PRODUCTION.items()}


def at_work_in(folder: Path) -> list[str]:
    """Processes whose working folder is below it, but for the agent's own."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            at = str(link.readlink())
            found += [f"{link.parent.name}: {at}"] if at.startswith(f"{folder}/") else []
    return found


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def nothing_is_left(bases: Bases) -> None:
    """By its own disk and its processes, without asking it."""
    drills = bases.stack.running.state.folder / "lab" / "hosts" / "drill-1" / "state" / "drills"
    assert list(drills.iterdir()) == []
    assert at_work_in(drills.parent) == []


def test_a_drill_restores_and_starts_on_its_own_host_and_leaves_nothing(bases: Bases) -> None:
    covered(bases, "notes-pg", 1, 2)
    before = production(bases)
    (since,) = bases.stack.rows("SELECT now()")[0]
    told = drilled(bases)
    assert told["state"] == "done", (told["state"], told["reason"], told["acts"])
    assert {state for state, _ in told["steps"].values()} == {"done"}
    assert told["steps"]["fence"][1].startswith("Drill: would fence AAA1, proven by leases ended")
    begun = {(target, step): said for step, target, _, said in told["acts"]}
    assert "accepts writes" in begun["notes-pg", "restore-starter"]
    assert "would promote a standby in BBB1; orders-pg" in begun["orders-pg", "promote-business"]
    assert "sessions-valkey was restored" in begun["sessions-valkey", "restore-starter"]
    assert "nobody is led to it" in begun["portal", "place-level-two"]
    wait_for(lambda: states(bases) == {"gone"}, 60)
    for name, _, seen in bases.stack.rows(THINGS):
        diary(f"{name}: {seen}")
    nothing_is_left(bases)
    assert production(bases) == before, "nothing of production was written"
    assert bases.stack.rows(GAPS, since) == [], "no user waited for a write"
    page = words(bases.read(f"/recovery/runs/{told['number']}/"))
    assert "DRILL an exercise on hosts of its own" in page
    assert "Begun 4, removed 4, seen gone 4 at " in page
    wait_for(lambda: bases.stack.rows(REPORT, told["number"]) != [], 120)
    report = words(bases.read(f"/recovery/runs/{told['number']}/report/"))
    assert "drill hosts: drill-1. Begun 4, removed 4, seen gone 4 at " in report
    assert "drill-1 looked at its disk and its processes at " in report
    assert "drill-1" in words(bases.read("/recovery/runs/"))


def states(bases: Bases) -> set[str]:
    return {state for (state,) in bases.stack.rows(STATES)}


def is_past(bases: Bases, step: str, since: int) -> bool:
    """Whether a drill begun after number `since` has done the step."""
    return dict(bases.stack.rows(STEPS, since)).get(step) == "done"


def test_a_drill_whose_agent_dies_and_falls_silent_is_unproven_until_it_answers(
    bases: Bases, tmp_path: Path
) -> None:
    """Killed while databases stand, silent while they are to be removed, killed again then; and so
    is the leader."""
    before, hold = production(bases), tmp_path / "hold"
    ((since,),) = bases.stack.rows(NEWEST)
    hold.touch()
    with ThreadPoolExecutor(1) as pool:
        drilling = pool.submit(drilled, bases, holds=f"thaw={hold}")
        wait_for(lambda: is_past(bases, "promote-business", since), 200)
        bases.stack.lab("kill-agent", host="drill-1")
        wait_for(lambda: is_past(bases, "verify", since), 200)
        bases.stack.lab("stop-agent", host="drill-1")
        hold.unlink()
        told = drilling.result()
    assert told["state"] == "done", (told["state"], told["reason"], told["acts"])
    wait_for(lambda: states(bases) == {"removing"}, 30)
    bases.stack.kill("controller")
    number = int(told["name"].removeprefix("DRP-"))
    page = words(bases.read(f"/recovery/runs/{number}/"))
    assert "Begun 4, removed 4, seen gone 0: the clean-up is not proven." in page
    rung = "SELECT state FROM alarms_alarm WHERE starts_with(key, 'drill-unproven:')"
    wait_for(lambda: bases.stack.rows(rung) == [("raised",)], 90)
    bases.stack.lab("kill-agent", host="drill-1")
    wait_for(lambda: states(bases) == {"gone"}, 60)
    wait_for(lambda: bases.stack.rows(rung) == [("ended",)], 30)
    nothing_is_left(bases)
    assert "Begun 4, removed 4, seen gone 4 at " in words(bases.read(f"/recovery/runs/{number}/"))
    assert production(bases) == before
