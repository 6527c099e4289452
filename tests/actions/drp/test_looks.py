"""Once an hour each runbook in force is looked at, and people are told what would stop it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp import actions
from recovery.drp.actions.looks import look_at_runbooks, watch_findings
from recovery.drp.models import RunbookVersion
from recovery.drp.plan import digest_of
from recovery.drp.press import Press
from recovery.drp.queries.linting import lint_facts
from recovery.drp.queries.world import world
from recovery.drp.reports.models import RunbookLook
from tests.actions.drp.ground import Ground, short_runbook
from tests.support.fleet import lose, make_fleet, seat

HOUR = timedelta(hours=1)
DORA, EMIL = Actor("person", "dora"), Actor("person", "emil")


def ringing() -> set[str]:
    return set(Alarm.objects.exclude(state="ended").values_list("key", flat=True))


def test_a_stale_runbook_rings_once_and_no_more_when_it_is_in_force_no_more(
    ground: Ground,
) -> None:
    row = ground.write()
    assert look_at_runbooks(now=ground.now) == 1
    assert look_at_runbooks(now=ground.now + HOUR / 2) == 0, "not within the hour"
    assert look_at_runbooks(now=ground.now + HOUR) == 1
    assert f"runbook-stale:{row.name}" in ringing()
    assert Alarm.objects.filter(key__startswith="runbook-stale").count() == 1
    look = RunbookLook.objects.get()
    assert "never_drilled" in {one["rule"] for one in look.findings}
    second = actions.write_runbook(
        raw=short_runbook().replace(b"version: 1", b"version: 2"),
        actor=EMIL,
        reason="Newer.",
        now=ground.now,
    )
    actions.activate_runbook(runbook=second, actor=DORA, reason="Read.", now=ground.now)
    assert look_at_runbooks(now=ground.now + HOUR) == 1, "another version is looked at at once"
    assert RunbookLook.objects.get().number == 2


def test_more_reasons_ring_anew_and_the_same_ones_do_not(ground: Ground) -> None:
    row = ground.write()
    look_at_runbooks(now=ground.now)
    first = Alarm.objects.get(key=f"runbook-stale:{row.name}")
    for who in ("bruno", "chloe", "dora", "emil"):
        ground.dismiss(who)
    look_at_runbooks(now=ground.now + HOUR)
    first.refresh_from_db()
    assert first.state == "ended"
    again = Alarm.objects.get(key=f"runbook-stale:{row.name}", state="raised")
    assert "may approve can be reached" in again.body


def test_a_runbook_in_force_that_cannot_be_read_any_more_pages(ground: Ground) -> None:
    """Taken once, when less was asked of one."""
    raw = "runbook: old\nversion: 1\n"
    row = RunbookVersion(
        name="old",
        number=1,
        raw=raw,
        digest=digest_of(raw.encode()),
        written_by="emil",
        written_at=ground.now,
    )
    transitions.create([row], actor=EMIL, reason="New.", now=ground.now)
    by = {"activated_by": "dora", "activated_at": ground.now}
    transitions.move(row, "active", actor=DORA, reason="Read.", now=ground.now, changes=by)
    look_at_runbooks(now=ground.now)
    assert Alarm.objects.get(key="runbook-broken:old").severity == "page"
    assert not RunbookLook.objects.get().is_readable
    transitions.move(row, "retired", actor=DORA, reason="Bad.", now=ground.now)
    look_at_runbooks(now=ground.now + HOUR)
    assert not ringing()
    assert not RunbookLook.objects.exists()


def test_a_finding_that_is_overdue_rings_until_it_is_closed(ground: Ground) -> None:
    ground.begin()
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    due = (ground.now - timedelta(days=400)).date()
    row = actions.add_finding(
        run=ground.run,
        said="Buy room.",
        owner="bruno",
        due=due,
        actor=DORA,
        now=ground.now - timedelta(days=400),
    )
    watch_findings(now=ground.now)
    watch_findings(now=ground.now)
    assert f"finding-overdue:{row.pk}" in ringing()
    actions.close_finding(finding=row, proof="TICKET-7", actor=DORA, now=ground.now)
    watch_findings(now=ground.now)
    assert f"finding-overdue:{row.pk}" not in ringing()


def test_what_was_compared_with_another_version_or_is_no_draft_is_refused(ground: Ground) -> None:
    row = ground.write()
    raw = short_runbook().replace(b"version: 1", b"version: 2")
    with pytest.raises(Conflict, match="Somebody wrote version 1"):
        actions.write_runbook(raw=raw, actor=EMIL, reason="x", now=ground.now, base=0)
    draft = actions.write_runbook(raw=raw, actor=EMIL, reason="x", now=ground.now, base=1)
    with pytest.raises(Conflict, match="not in force any more"):
        actions.activate_runbook(runbook=draft, actor=DORA, reason="x", now=ground.now, over=0)
    with pytest.raises(Refused, match="only a draft"):
        actions.withdraw_runbook(runbook=row, actor=DORA, reason="x", now=ground.now)
    actions.withdraw_runbook(runbook=draft, actor=DORA, reason="x", now=ground.now)
    draft.refresh_from_db()
    with pytest.raises(Refused, match="cannot go from retired to active"):
        actions.activate_runbook(runbook=draft, actor=DORA, reason="x", now=ground.now, over=1)
    assert RunbookVersion.objects.get(number=1).state == "active"


@pytest.mark.django_db
def test_a_datacenters_room_is_what_the_others_have_for_what_it_holds() -> None:
    fleet = make_fleet(copies=3)
    shop = fleet.application.containers.order_by("ordinal")
    for container, name in zip(shop, ("par1-r1-h1", "par1-r2-h1", "osu2-r1-h1"), strict=True):
        seat(container, fleet.hosts[name])

    def room() -> dict[str, float]:
        found = dict(lint_facts(RunbookVersion(name="none")).room)
        for site, share in found.items():
            there = world(site, "")
            needs = sum(one.needs for one in there.services)
            free = sum(one.free for one in there.hosts if one.site != site and one.is_heard)
            assert share == (min(1.0, free / needs) if needs else 1.0), "as its world says"
        return found

    assert room() == {"PAR1": 1.0, "OSU2": 1.0, "MRS1": 1.0}
    for name, host in fleet.hosts.items():
        if not name.startswith("par1"):
            lose(host)
    assert room() == {"PAR1": 0.0, "OSU2": 1.0, "MRS1": 1.0}
