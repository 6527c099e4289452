"""A lost datacenter comes back: what a run moved is moved back by the shipped runbook, everything
is where it was, and no acknowledged write is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.agent.backups.__main__ import main
from tests.drp_story.test_datacenter_lost import LEADS, bases, lead
from tests.failovers.restoring import covered, has_points, lose_site, revive, serves
from tests.failovers.telling import Bases
from tests.stories.telling import diary
from tests.support.running import wait_for

__all__ = ["bases"]
pytestmark = pytest.mark.timeout(2400)
HOSTS = ("aaa1-a1", "aaa1-b1", "aaa1-c1")
SEATS = """
SELECT c.ordinal, h.name FROM inventory_placement p JOIN inventory_host h ON h.id = p.host_id
JOIN inventory_container c ON c.id = p.container_id
JOIN inventory_application a ON a.id = p.application_id
WHERE a.name = 'portal' AND p.state = 'running'
"""
WELL = """
SELECT count(*) FROM inventory_replicasight s JOIN inventory_replica r ON r.id = s.replica_id
JOIN inventory_database d ON d.id = r.database_id
WHERE d.name = 'orders-pg' AND r.role = 'standby' AND (s.fact->>'healthy_ms')::bigint > 62000
"""
EXPORTED = """
SELECT e.host, e.state, e.operation::text, s.name, s.address, s.bucket FROM backups_export e
JOIN backups_store s ON s.id = e.store_id
"""


def sites(bases: Bases) -> dict[int, str]:
    """Of each copy of the application the datacenter in which it runs."""
    return {ordinal: host[:4] for ordinal, host in bases.stack.rows(SEATS)}


def opened(bases: Bases, export: str, store: str, place: str, into: Path) -> str:
    """What whoever has the key file reads of it, with no Tocsin at all."""
    keys = Path(bases.stack.env["TOCSIN_VAR"]) / "lab" / "backups"
    words = ["open", place, "--credentials", str(keys / "credentials"), "--id", store]
    words += ["--database", "orders-pg", "--export", export]
    said: list[str] = []
    assert main([*words, "--keys", str(keys / "keys"), "--into", str(into)], said.append) == 0, said
    return (into / "README.txt").read_text()


def test_what_a_run_moved_is_moved_back_and_nothing_is_lost(bases: Bases, tmp_path: Path) -> None:
    has_points(bases, ("notes-pg", "orders-pg"), 1, 2)
    covered(bases, "notes-pg", 1, 2)
    wait_for(lambda: bases.stack.rows(WELL)[0][0] == 2, 120)
    before = sites(bases)
    lose_site(bases, "aaa1")
    there = lead(bases, "AAA1", "BBB1")
    assert there["state"] == "done", (there["state"], there["reason"], there["acts"])
    wait_for(lambda: serves(bases, "orders-pg"), 60)
    revive(bases, "aaa1")
    wait_for(lambda: all(bases.stack.verdict(host) == "alive" for host in HOSTS), 120)
    wait_for(bases.stack.is_watching, 30)
    lost = bases.missing("orders-pg")
    back = lead(bases, "BBB1", "AAA1", 900.0, origin=int(there["number"]))
    assert back["state"] == "done", (back["state"], back["reason"], back["acts"])
    failed = {name for name, said in back["steps"].items() if said[0] == "failed"}
    assert failed <= {"tell-customers"}, "nobody configured a channel of customers"
    exported = bases.stack.rows(EXPORTED)
    assert {host for host, *_ in exported} == {"aaa1-a1", "aaa1-b1"}
    for host, state, export, store, address, bucket in exported:
        assert state == "kept"
        text = opened(bases, export, store, f"{address}/{bucket}", tmp_path / host)
        assert "What this does not show" in text
    assert bases.host_of("orders-pg").startswith("aaa1-")
    assert bases.host_of("notes-pg").startswith("bbb1-"), "restored: its owner moves it"
    assert sites(bases) == before
    wait_for(lambda: serves(bases, "orders-pg"), 60)
    more = bases.missing("orders-pg") - lost
    told = dict(bases.stack.rows(LEADS, "orders-pg"))
    diary(f"the way back: {len(more)} acknowledged writes lost; {told}")
    assert not more, "a switchover loses nothing"
