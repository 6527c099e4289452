"""A drill host that was lost for good: a person says so, and no proof is waited for any more."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.alarms.models import Alarm
from recovery.audit.models import AuditEntry
from recovery.core.errors import Refused
from recovery.drp.actions.reports import write_due_reports
from recovery.drp.drills import actions as drills
from recovery.drp.drills import owed as owing
from recovery.drp.drills.cycle import clean_up
from recovery.drp.drills.models import DrillHost, DrillSight
from recovery.drp.drills.queries import host_sights
from recovery.drp.queries.drilled import drill_facts
from recovery.drp.reports.drilled import drilled, proof
from tests.actions.drp.drills.ground import Drill, hosted, things
from tests.dashboard.fleet import plain
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db
SAID = "not proven: host drill-1 was retired by bruno because its disk burned"


def retire(*words: str) -> str:
    out = StringIO()
    call_command("drillhost", "drill-1", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def drill(pinned: Path) -> Drill:
    """Over; its host never came back to remove anything."""
    drill = hosted(pinned)
    drill.play()
    clean_up(actor=drill.ground.actor, now=drill.ground.now, patience=0.0)
    return drill


def test_one_that_is_heard_removes_what_it_has_itself(drill: Drill) -> None:
    with pytest.raises(CommandError, match="drill-1 is heard: it can remove what it has"):
        retire("--retire", "its disk burned", "--by", "bruno")
    with pytest.raises(CommandError, match="Say why"):
        retire("--retire", " ")
    with pytest.raises(CommandError, match="Say --cpu-millis and --memory-mib, or --retire"):
        retire()


def test_its_drills_end_without_their_proof_and_say_whose_word_that_is(drill: Drill) -> None:
    assert Alarm.objects.get(key__startswith="drill-unproven:").state == "raised"
    run = drill.ground.run
    assert write_due_reports(now=run.state_at + timedelta(seconds=61)) == 0, "it waits for it"
    DrillSight.objects.update(heard_at=NOW - timedelta(days=1))
    assert SAID in retire("--retire", "its disk burned", "--by", "bruno")
    clean_up(actor=drill.ground.actor, now=drill.ground.now, patience=0.0)
    assert Alarm.objects.get(key__startswith="drill-unproven:").state == "ended"
    told = drilled(drill_facts(run))
    assert told is not None
    assert proof(told) == f"Begun 2, removed 2, seen gone 0: {SAID}."
    assert {state for _, state in things()} == {"removing"}, "nobody says that they are gone"
    entry = AuditEntry.objects.filter(object_type="drill host").order_by("-id")[0]
    assert entry.body["reason"] == "its disk burned"
    assert write_due_reports(now=run.state_at + timedelta(seconds=61)) == 1, "and says so"


def test_who_has_to_prove_the_clean_up_is_named_until_nobody_can(
    drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never beside "nobody has anything to do"."""
    number = drill.ground.run.number

    def said() -> str:
        return plain(draw(f"run-next:{number}", Screen(Role.APPROVER)))

    monkeypatch.setattr(owing, "UNPROVEN_SECONDS", 0.0)
    assert "look at drill-1: it has not shown that nothing is left of 2 things" in said()
    assert "nobody has anything to do" not in said()
    DrillSight.objects.update(heard_at=NOW - timedelta(days=1))
    assert "bring drill-1 back, or retire it if it is lost for good" in said()
    assert "chloe" in said() or "bruno" in said(), "by name"
    retire("--retire", "its disk burned", "--by", "bruno")
    assert "nobody can prove any more that nothing is left on drill-1" in said()
    assert SAID in said()
    assert "nobody has anything to do" not in said()


def test_nothing_is_begun_there_and_it_is_let_in_no_more(drill: Drill) -> None:
    DrillSight.objects.update(heard_at=NOW - timedelta(days=1))
    retire("--retire", "its disk burned")
    assert drill.agent is not None
    with pytest.raises(Refused, match="is of no drill host"):
        drills.know_drill_host(drill.agent.token)
    assert host_sights() == ()
    with pytest.raises(CommandError, match="Give the new one another name"):
        retire("--cpu-millis", "1000", "--memory-mib", "1024")
    with pytest.raises(CommandError, match="was retired by the command line already"):
        retire("--retire", "again")
    assert DrillHost.objects.get().retired_at is not None


def test_an_approver_retires_it_on_its_page(drill: Drill, client: Client) -> None:
    DrillSight.objects.update(heard_at=NOW - timedelta(days=1))
    for name, role in (("vera", "responder"), ("chloe", "approver")):
        person = User.objects.get_or_create(username=name)[0]
        person.groups.set([Group.objects.get_or_create(name=role)[0]])
    path = "/recovery/drill-hosts/drill-1/retire/"
    client.force_login(User.objects.get(username="vera"))
    assert client.post(path, {"reason": "its disk burned"}).status_code == 403
    client.force_login(User.objects.get(username="chloe"))
    assert path in client.get("/recovery/runs/").content.decode()
    assert client.post(path, {"reason": ""}).status_code == 422
    assert client.post(path, {"reason": "its disk burned"}).status_code == 302
    row = DrillHost.objects.get()
    assert (row.retired_by, row.retired_why) == ("chloe", "its disk burned")
    assert client.post(path, {"reason": "again"}, headers={"HX-Request": "true"}).status_code == 409
