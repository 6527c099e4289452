"""From sights to rows, on a real PostgreSQL: verdict, incident and alarm in one transaction."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery.alarms.models import Alarm
from recovery.core import transitions
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.detection import actions, queries
from recovery.detection.facts import Part
from recovery.detection.freezes import lift_freeze
from recovery.detection.models import Brake, Situation
from recovery.detection.policy import Policy
from recovery.incidents import actions as incidents
from recovery.incidents.models import Incident, Member, TimelineEntry
from recovery.inventory.models import Datacenter, Host
from tests.actions.detection.fleet import BY, PERSON, START, Stage, build_fleet
from tests.support.freezes import freeze

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage() -> Stage:
    started = Stage(build_fleet())
    started.run(7.0)
    return started


def test_a_lost_host_has_its_verdict_incident_and_alarm_within_three_seconds(stage: Stage) -> None:
    stage.kill("par0-00")
    stage.run(3.0)
    assert stage.verdicts() == {"par0-00": ("lost", "allowed")}
    host = Host.objects.get(name="par0-00")
    assert host.quarantined_at is not None
    assert len(host.verdict_evidence["witnesses"]) >= 2
    incident = Incident.objects.get()
    assert (incident.domain, incident.title) == ("host:par0-00", "par0-00 is lost")
    assert Alarm.objects.get().incident == incident
    assert Member.objects.get(incident=incident).object_id == str(host.pk)
    said = list(TimelineEntry.objects.order_by("happened_at", "pk").values_list("said", flat=True))
    assert said[0] == "Last heartbeat of par0-00"
    assert any(line.startswith("par0-00 is lost: no heartbeat for 2.") for line in said), said


def test_a_healthy_fleet_writes_nothing_and_asks_little(stage: Stage) -> None:
    stage.run(0.2)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        stage.tick()
    assert len(asked) <= 6
    assert not [query for query in asked if query["sql"].startswith(("INSERT", "UPDATE"))]


def test_the_third_loss_is_held_listed_rung_and_one_press_releases_it(stage: Stage) -> None:
    for name in ("par0-00", "par1-00", "par2-00"):
        stage.kill(name)
        stage.run(20.0)
    assert stage.verdicts()["par2-00"] == ("lost", "held")
    assert [host.name for host in queries.held_hosts()] == ["par2-00"]
    assert Alarm.objects.filter(key="held", state="raised").exists()
    actions.release_holds(
        hosts=[stage.named("par2-00").pk], actor=PERSON, reason="seen", now=stage.clock.now()
    )
    assert stage.verdicts()["par2-00"] == ("lost", "allowed")
    assert Alarm.objects.get(key="held").state == "ended"
    with pytest.raises(Conflict):
        actions.release_holds(
            hosts=[stage.named("par2-00").pk], actor=PERSON, reason="twice", now=stage.clock.now()
        )
    stage.run(2.0)
    assert stage.verdicts()["par2-00"] == ("lost", "allowed")


def test_a_lost_datacenter_is_one_situation_one_incident_and_all_held(stage: Stage) -> None:
    names = ("par1-00", "par1-01", "par1-10", "par1-11")
    stage.kill(*names)
    stage.run(6.0)
    assert stage.verdicts() == dict.fromkeys(names, ("lost", "held"))
    situation = Situation.objects.get(state="open")
    assert situation.key == "datacenter:PAR1"
    assert situation.hypotheses[0]["scope"] == "datacenter"
    assert [one.domain for one in Incident.objects.all()] == ["datacenter:PAR1"]


def test_a_second_host_of_a_rack_widens_the_incident_instead_of_opening_another(
    stage: Stage,
) -> None:
    stage.kill("par1-00")
    stage.run(10.0)
    stage.kill("par1-01")
    stage.run(4.0)
    assert [one.domain for one in Incident.objects.all()] == ["rack:PAR1 rack R0"]
    assert Member.objects.count() == 2
    assert Situation.objects.get(state="open").sentence == "PAR1 rack R0: 2 hosts lost"


@pytest.mark.parametrize("apart", [0.2, 1.0, 12.0])
def test_a_datacenter_that_goes_host_by_host_ends_as_one_incident(
    stage: Stage, apart: float
) -> None:
    """Its racks had incidents of their own; a person may have had one of them."""
    for name in ("par1-00", "par1-10", "par1-01", "par1-11"):
        stage.kill(name)
        stage.run(apart)
    stage.run(6.0)
    [one] = Incident.objects.exclude(state="resolved")
    assert one.domain == "datacenter:PAR1"
    assert Situation.objects.get(state="open").incident == one
    assert one.members.count() == 4
    parts = Incident.objects.filter(state="resolved")
    assert {part.joined for part in parts} <= {one}
    assert [alarm.incident for alarm in Alarm.objects.exclude(state="ended")][-1] == one
    for part in parts:
        assert part.members.count()
        line = incidents.tell(
            incident=part, kind="note", said="later", happened_at=START, actor=BY, now=START
        )
        assert line.incident == one
        assert f"{part} is part of it" in "".join(one.timeline.values_list("said", flat=True))


@pytest.mark.parametrize("is_one_region", [False, True])
def test_a_second_datacenter_that_is_lost_is_named_beside_the_first(is_one_region: bool) -> None:
    """Its own incident, or, in a region that is lost as a whole, its own words in that one."""
    stage = Stage(build_fleet(places=7))
    if is_one_region:
        for row in Datacenter.objects.filter(name__in=["PAR0", "PAR1"]):
            transitions.amend(
                row, {"region": "Seine"}, action="moved", actor=BY, reason="test", now=START
            )
    stage.kill(*(host.name for host in stage.hosts if host.name.startswith("par0")))
    stage.run(8.0)
    first = Incident.objects.get(domain="datacenter:PAR0")
    incidents.acknowledge_incident(incident=first, actor=PERSON, reason="Mine.", now=START)
    stage.run(30.0)
    stage.kill(*(host.name for host in stage.hosts if host.name.startswith("par1")))
    stage.run(8.0)
    open_ones = Incident.objects.exclude(state="resolved").order_by("number")
    titles = {one.domain: one.title for one in open_ones}
    alarm = Alarm.objects.filter(state="raised").latest("raised_at")
    if not is_one_region:
        assert titles == {
            "datacenter:PAR0": "PAR0: 4 hosts lost",
            "datacenter:PAR1": "PAR1: 4 hosts lost",
        }
        assert (alarm.title, alarm.severity) == ("PAR1: 4 hosts lost", "page")
        return
    said = "Seine: 8 hosts lost (4 in PAR0, 4 in PAR1)"
    assert titles == {"region:Seine": said}
    first.refresh_from_db()
    assert (first.domain, first.acknowledged_by) == ("region:Seine", ""), (
        "it is more than was taken"
    )
    assert (alarm.title, alarm.severity, alarm.incident) == (said, "page", first)


def test_a_missing_digest_makes_us_blind_and_nothing_is_judged(stage: Stage) -> None:
    stage.kill("par0-00")
    stage.digest_age = 5.0
    stage.run(10.0)
    assert stage.verdicts() == {}
    assert queries.blind_reason()
    assert Alarm.objects.get().key == "control:blind"
    stage.digest_age = 0.05
    stage.run(4.0)
    assert queries.blind_reason() == ""
    assert Alarm.objects.get(key="control:blind").state == "raised", "it ends with its incident"
    assert stage.verdicts() == {"par0-00": ("lost", "allowed")}


def test_while_it_lasts_blindness_tells_the_reason_that_holds_now(stage: Stage) -> None:
    stage.digest_age = 5.0
    stage.run(10.0)
    since, first = queries.blind_since(), queries.blind_reason()
    assert "The digest of gateway" in first
    stage.digest_age = 6.0
    stage.run(6.0)
    brake = Brake.objects.get()
    assert queries.blind_reason() == first, "seconds that run are no news"
    stage.kill(*(host.name for host in stage.hosts))
    stage.run(8.0)
    assert f"All {len(stage.hosts)} agents went silent at once" in queries.blind_reason()
    assert queries.blind_since() == since
    assert Brake.objects.get().version > brake.version
    assert Alarm.objects.get().key == "control:blind", "nobody is rung twice"
    line = Incident.objects.get().timeline.filter(kind="blind still").latest("id")
    assert line.why == queries.blind_reason()


def test_a_returning_host_closes_its_situation(stage: Stage) -> None:
    stage.kill("par0-00")
    stage.run(4.0)
    stage.revive("par0-00")
    decision = stage.run(2.0)
    assert [hold.host for hold in decision.holds] == [stage.named("par0-00").pk.hex]
    stage.run(12.0)
    assert stage.verdicts() == {}
    assert Situation.objects.get().state == "closed"
    assert set(Alarm.objects.values_list("state", flat=True)) == {"ended"}


def test_a_pause_holds_every_loss_and_survives_in_its_row(stage: Stage) -> None:
    actions.set_pause(actor=PERSON, reason="network works", now=stage.clock.now())
    stage.kill("par0-00")
    stage.run(4.0)
    assert stage.verdicts() == {"par0-00": ("lost", "held")}
    with pytest.raises(Refused):
        actions.release_holds(
            hosts=[stage.named("par0-00").pk], actor=PERSON, reason="go", now=stage.clock.now()
        )
    actions.clear_pause(actor=PERSON, reason="done", now=stage.clock.now())
    assert Brake.objects.get().paused_at is None
    stage.run(1.0)
    assert stage.verdicts() == {"par0-00": ("lost", "held")}


def test_a_plans_freeze_holds_every_loss_until_it_is_lifted(stage: Stage) -> None:
    row = freeze([Part.RESCHEDULING], stage.clock.now())
    stage.kill("par0-00")
    stage.run(4.0)
    assert stage.verdicts() == {"par0-00": ("lost", "held")}
    with pytest.raises(Refused, match="DRP-0007 froze rescheduling for amelie"):
        actions.release_holds(
            hosts=[stage.named("par0-00").pk], actor=PERSON, reason="go", now=stage.clock.now()
        )
    lift_freeze(freeze=row.pk, actor=PERSON, reason="done", now=stage.clock.now())
    stage.kill("par1-00")
    stage.run(4.0)
    assert stage.verdicts()["par1-00"] == ("lost", "allowed")


def test_what_else_a_plan_froze_holds_no_loss(stage: Stage) -> None:
    freeze([Part.RETENTION, Part.FAILOVER, Part.RESTORE_TESTS], stage.clock.now())
    stage.kill("par0-00")
    stage.run(4.0)
    assert stage.verdicts() == {"par0-00": ("lost", "allowed")}


def test_a_controller_that_leads_no_longer_writes_nothing(stage: Stage) -> None:
    stage.kill("par0-00")
    stage.epoch -= 1
    with pytest.raises(NotLeader):
        stage.run(4.0)
    assert stage.verdicts() == {}


def test_a_new_leader_watches_a_while_before_it_judges(stage: Stage) -> None:
    stage.kill("par0-00")
    stage.watch = stage.watch.begin(stage.clock.monotonic())
    stage.run(5.0)
    assert stage.verdicts() == {}
    stage.run(3.0)
    assert stage.verdicts() == {"par0-00": ("lost", "allowed")}


def test_a_new_policy_is_in_force_within_a_second(stage: Stage) -> None:
    actions.set_policy(
        policy=Policy(few_hosts=0), actor=PERSON, reason="careful week", now=stage.clock.now()
    )
    stage.run(1.2)
    stage.kill("par0-00")
    stage.run(4.0)
    assert stage.verdicts() == {"par0-00": ("lost", "held")}
