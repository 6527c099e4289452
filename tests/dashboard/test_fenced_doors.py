"""Nobody is led behind a fence, whatever serves there."""

from __future__ import annotations

from uuid import uuid4

from recovery.core import clock, transitions
from recovery.failover.actions.fences import Cause, lift_fence, raise_fence
from recovery.failover.actions.standing import resume_database
from recovery.inventory.models import Host
from recovery.traffic.queries import current_doors
from tests.dashboard import fleet
from tests.dashboard.bases import see, seed_database


def servers() -> dict[str, str]:
    """By database, empty: its door is closed."""
    return {door.database: door.server for door in current_doors()}


def test_a_starter_that_starts_by_itself_behind_a_fence_has_a_closed_door_until_it_is_lifted(
    hosts: dict[str, Host],
) -> None:
    """It has no lease, so its server runs as soon as its host does, before any order comes."""
    now = clock.system.now()
    for name, on, port in (("here-pg", "par1-r1-h02", 15501), ("there-pg", "mrs1-r1-h03", 15502)):
        host = Host.objects.get(pk=hosts[on].pk)
        at = {"address": f"127.9.9.{port % 100}"}
        transitions.amend(
            host, at, action="met", actor=fleet.CONTROLLER, reason="It spoke.", now=now
        )
        host.refresh_from_db()
        base = seed_database(name, [host], now, port=port)
        see(base, now)
        resume_database(database=base.row, actor=fleet.CONTROLLER, reason="It serves.", now=now)
    before = servers()
    assert before["here-pg"].endswith(":15501")
    assert before["there-pg"].endswith(":15502")
    site = hosts["par1-r1-h02"].datacenter
    for key in ("r/fence/x/1", "r/fence/y/1"):
        cause = Cause(key, uuid4(), "DRP-0007", "fence", "amelie")
        raise_fence(
            datacenter=site.pk,
            cause=cause,
            actor=fleet.CONTROLLER,
            reason="It burns.",
            now=now,
        )
    assert servers() == before | {"here-pg": ""}
    lift_fence(datacenter=site.name, actor=fleet.CONTROLLER, reason="Back.", now=now)
    assert servers() == before
