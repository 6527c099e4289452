"""kill -9 of a whole datacenter, and the shipped runbook run to its end by two people: the business
database is promoted where the plan says, the starter one restored, everything placed and answered;
what was lost is counted by the writers' own ledgers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.failovers.restoring import covered, has_points, lose_site, loss, revive, serves
from tests.failovers.telling import Bases
from tests.stories.telling import diary
from tests.support.running import ROOT, wait_for
from tests.support.stack import whole_stack

pytestmark = pytest.mark.timeout(1500)
SLACK = 5.0
WRITES_A_SECOND = 10
LAB_FILE = Path(__file__).with_name("lab.yaml")
FENCED = """
SELECT f.told FROM failover_fence f JOIN inventory_datacenter d ON d.id = f.datacenter_id
WHERE d.name = %s AND f.state = 'standing'
"""
PROMOTIONS = """
SELECT o.params->'plan'->>'step', o.state, h.name FROM operations_operation o
JOIN inventory_host h ON h.id = o.host_id WHERE o.verb = 'promote'
"""
LEADS = """
SELECT r.role, h.name FROM inventory_replica r JOIN inventory_host h ON h.id = r.host_id
JOIN inventory_database d ON d.id = r.database_id WHERE d.name = %s AND r.state <> 'retired'
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    folder = tmp_path_factory.mktemp("lost") / "var"
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1"}
    with whole_stack(folder, TOCSIN_LAB_FILE=str(LAB_FILE), **more) as stack:
        formed = Bases(stack)
        formed.prove("orders-pg")
        yield formed


def lead(
    bases: Bases, lost: str, into: str, seconds: float = 600.0, *, origin: int = 0
) -> dict[str, Any]:
    """Two people lead the run, in a process of their own; with `origin`, its way back."""
    words = [sys.executable, "-m", "tests.drp_story.driving", lost, into, str(seconds)]
    words += ["disaster", str(origin)] if origin else []
    done = subprocess.run(
        words, cwd=ROOT, env=dict(bases.stack.env), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    for name, (state, said) in told["steps"].items():
        diary(f"{told['name']} {name}: {state}. {said}")
    return told


def test_a_lost_datacenter_is_recovered_by_the_shipped_runbook(bases: Bases) -> None:
    has_points(bases, ("notes-pg", "orders-pg"), 1, 2)
    covered(bases, "notes-pg", 1, 2)
    gone = {name: bases.missing(name) for name in ("notes-pg", "orders-pg")}
    since = lose_site(bases, "aaa1")
    told = lead(bases, "AAA1", "BBB1")
    assert told["state"] == "done", (told["state"], told["reason"], told["acts"])
    failed = {name: said for name, said in told["steps"].items() if said[0] == "failed"}
    assert set(failed) <= {"tell-customers"}, "nobody configured a channel of customers"
    assert bases.host_of("orders-pg") == "bbb1-b1"
    assert bases.host_of("notes-pg").startswith("bbb1-")
    assert bases.stack.rows(PROMOTIONS) == [("promote-business", "done", "bbb1-b1")]
    wait_for(lambda: all(serves(bases, name) for name in gone), 60)
    restored = loss(bases, "notes-pg", since, gone["notes-pg"])
    said = f"down {restored.down:.0f} s, {len(restored.numbers)} lost: {restored.seconds:.1f} s"
    diary(f"notes-pg: {said}")
    assert restored.seconds < 60.0
    promoted = bases.missing("orders-pg") - gone["orders-pg"]
    waited = bases.waited("orders-pg", since)
    assert waited is not None
    diary(f"orders-pg: down {waited.seconds:.0f} s, {len(promoted)} acknowledged writes lost")
    assert len(promoted) <= SLACK * WRITES_A_SECOND, "no more than was approved"
    assert "Nothing starts on the 3 hosts of AAA1." in bases.stack.rows(FENCED, "AAA1")[0][0]
    comes_back_fenced_and_writes_nothing(bases)


def comes_back_fenced_and_writes_nothing(bases: Bases) -> None:
    """Until a person lifts the fence."""
    before = bases.missing("orders-pg")
    revive(bases, "aaa1")
    hosts = ("aaa1-a1", "aaa1-b1", "aaa1-c1")
    wait_for(lambda: all(bases.stack.verdict(host) == "alive" for host in hosts), 90)
    rows = "SELECT count(*) FROM inventory_host WHERE name = ANY(%s) AND quarantined_at IS NULL"
    wait_for(bases.stack.is_watching, 30)
    assert bases.stack.rows(rows, list(hosts))[0][0] == 0, "nobody trusts it before it is lifted"
    roles = dict(bases.stack.rows(LEADS, "orders-pg"))
    assert roles["primary"] == "bbb1-b1"
    assert bases.missing("orders-pg") == before, "no writer was led back to it"
