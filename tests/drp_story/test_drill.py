"""The shipped runbook drilled by two people while production serves: databases are restored and an
application is started on the drill host, all of it is seen gone afterwards, and production has not
felt anything."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    folder = tmp_path_factory.mktemp("drill") / "var"
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1", "TOCSIN_LAB_DRILLS": "1"}
    with whole_stack(folder, TOCSIN_LAB_FILE=str(LAB_FILE), **more) as stack:
        formed = Bases(stack)
        formed.prove()
        yield formed


def drilled(bases: Bases, seconds: float = 400.0) -> dict[str, Any]:
    """Two people lead the drill, in a process of their own."""
    words = [sys.executable, "-m", "tests.drp_story.driving", "AAA1", "BBB1", str(seconds), "drill"]
    done = subprocess.run(
        words, cwd=ROOT, env=dict(bases.stack.env), capture_output=True, text=True, check=False
    )
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


def test_a_drill_restores_and_starts_on_its_own_host_and_leaves_nothing(bases: Bases) -> None:
    has_points(bases, NAMES, 1, 2)
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
    wait_for(lambda: {state for _, state, _ in bases.stack.rows(THINGS)} == {"gone"}, 60)
    for name, _, seen in bases.stack.rows(THINGS):
        diary(f"{name}: {seen}")
    drills = bases.stack.running.state.folder / "lab" / "hosts" / "drill-1" / "state" / "drills"
    assert list(drills.iterdir()) == []
    assert at_work_in(drills.parent) == []
    assert production(bases) == before, "nothing of production was written"
    assert bases.stack.rows(GAPS, since) == [], "no user waited for a write"
