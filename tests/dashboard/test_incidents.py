"""Incidents on their pages: acknowledged once, whole, and part of a wider one."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.alarms import actions as alarms
from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import clock
from recovery.incidents import actions as incidents
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import TimelineEntry
from recovery.inventory.models import Host
from tests.dashboard import fleet
from tests.dashboard.conftest import SignIn


def test_a_part_of_a_wider_incident_leads_to_it(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    part = fleet.lose_host(hosts["par1-r1-h02"], now)
    whole = fleet.lose_host(hosts["par1-r1-h01"], now)
    incidents.join_incident(
        incident=part,
        into=whole,
        actor=Actor("controller", "t", 1),
        reason="PAR1 is lost.",
        now=now,
    )
    client = sign_in("viewer")
    link = f'part of <a href="/incidents/{whole.number}/">{whole}</a>'
    for path in ("/incidents/", f"/incidents/{part.number}/"):
        assert link in client.get(path).content.decode()
    html = client.get(f"/incidents/{whole.number}/").content.decode()
    assert f"{part} is part of it" in html
    assert "par1-r1-h02" in html


def test_who_took_a_part_has_not_taken_the_whole_and_stands_beside_it(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    """At night: the datacenter's is a greater fact, and rings once for whoever is on call."""
    now, by = clock.system.now(), Actor("controller", "t", 1)
    part = fleet.lose_host(hosts["par1-r1-h02"], now)
    whole = fleet.lose_host(hosts["par1-r1-h01"], now)
    sign_in("responder").post(f"/incidents/{part.number}/acknowledge/")
    incidents.join_incident(incident=part, into=whole, actor=by, reason="PAR1 is lost.", now=now)
    html = sign_in("viewer").get(f"/incidents/{whole.number}/").content.decode()
    assert "nobody has it yet" in html
    assert f"responder took {part}, a part of it" in html
    line = TimelineEntry.objects.get(incident=whole, kind="joined")
    assert line.why == "PAR1 is lost. responder took it."


def test_who_had_what_grew_into_more_is_told_and_it_waits_for_somebody_anew(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now, by = clock.system.now(), Actor("controller", "t", 1)
    incident = fleet.lose_host(hosts["par1-r1-h02"], now)
    sign_in("responder").post(f"/incidents/{incident.number}/acknowledge/")
    incident.refresh_from_db()
    incidents.widen_incident(
        incident=incident, domain="datacenter:PAR1", actor=by, reason="PAR1 is lost.", now=now
    )
    page = sign_in("viewer").get(f"/incidents/{incident.number}/").content.decode()
    assert "nobody has it yet" in page
    line = TimelineEntry.objects.get(incident=incident, kind="widened")
    assert line.why.startswith("responder took it when it was")
    again = sign_in("approver").post(f"/incidents/{incident.number}/acknowledge/")
    assert again.status_code == 302, "the greater one can be taken"


def test_the_clock_beside_a_sign_is_that_incident_s(hosts: dict[str, Host]) -> None:
    now, actor = clock.system.now(), Actor("controller", "t", 1)
    old = fleet.lose_host(hosts["par1-r1-h02"], now - timedelta(minutes=5))
    taken = Actor("person", "responder")
    alarms.acknowledge_incident(incident=old, actor=taken, reason="", now=now)
    new = fleet.lose_host(hosts["osu2-r1-h01"], now)
    screen = Screen(Role.VIEWER)
    assert screen.first is not None
    assert screen.first.number == new.number, "nobody has it: it stands at the top"
    assert screen.hurt_since == old.happened_at
    told = draw("voice", screen)
    assert f"since {new.happened_at:%H:%M:%S}" in told
    assert f"since {old.happened_at:%H:%M:%S}" not in told, "it counts on its own page"
    assert f"since {new.happened_at:%H:%M:%S}" in draw(f"incident-voice:{new.number}", screen)
    whole = {member.pk: "answers" for member in old.members.all()}
    incidents.mark_whole(incident=old, members=whole, actor=actor, now=now)
    assert Screen(Role.VIEWER).hurt_since == new.happened_at


def test_acknowledging_takes_the_incident_and_stops_the_bell(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    client = sign_in("responder")
    assert 'data-rings=""' not in draw("bell", Screen(Role.VIEWER))
    answer = client.post(f"/incidents/{incident.number}/acknowledge/", {"back": "/"})
    assert answer.status_code == 302
    assert 'data-rings=""' in draw("bell", Screen(Role.VIEWER))
    incident.refresh_from_db()
    assert incident.acknowledged_by == "responder"
    entry = AuditEntry.objects.filter(object_type="incident").order_by("-id")[0]
    assert entry.body["actor"]["id"] == "responder"


def test_a_second_acknowledgement_is_told_who_was_first(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    path = f"/incidents/{incident.number}/acknowledge/"
    sign_in("responder").post(path)
    answer = sign_in("approver").post(path, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert b"already acknowledged by responder" in answer.content


def test_acknowledging_by_a_link_is_impossible(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    answer = sign_in("responder").get(f"/incidents/{incident.number}/acknowledge/")
    assert answer.status_code == 405


def test_what_was_whole_before_anybody_came_can_still_be_acknowledged(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    """Tocsin may be faster than a person; the bell rings on until somebody takes it."""
    now = clock.system.now()
    incident = fleet.lose_host(hosts["par1-r1-h02"], now)
    incidents.mitigate_incident(incident=incident, actor=fleet.CONTROLLER, reason="Whole.", now=now)
    client = sign_in("responder")
    assert f"Acknowledge {incident}" in client.get("/").content.decode()
    page = client.get(f"/incidents/{incident.number}/").content.decode()
    assert f"Acknowledge {incident}" in page
    client.post(f"/incidents/{incident.number}/acknowledge/")
    assert "responder has it" in client.get("/").content.decode()


def test_what_is_back_within_minutes_says_how_often(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now, by = clock.system.now(), fleet.CONTROLLER
    incident = fleet.lose_host(hosts["par1-r1-h02"], now)
    whole = incidents.mitigate_incident(incident=incident, actor=by, reason="Whole.", now=now)
    incidents.resolve_incident(incident=whole, actor=by, reason="It stayed so.", now=now)
    back = incidents.open_incident(
        domain=incident.domain, title="Lost again", summary="", happened_at=now, members=[],
        actor=by, reason="Silent.", now=now,
    )  # fmt: skip
    assert back == incident
    client = sign_in("viewer")
    for path in (f"/incidents/{incident.number}/", "/incidents/"):
        assert "2nd time in 1 min" in client.get(path).content.decode()
    told = client.get("/api/incidents").json()[0]
    assert (told["times"], told["number"]) == (2, incident.number)


def test_a_loss_stands_before_what_came_back_and_left_something_hurt(
    hosts: dict[str, Host],
) -> None:
    now, actor = clock.system.now(), Actor("controller", "t", 1)
    old = fleet.lose_host(hosts["par1-r1-h02"], now - timedelta(minutes=5))
    incidents.add_members(
        incident=old,
        members=[NewMember(MemberKind.APPLICATION, str(uuid4()), "shop")],
        since=now,
        actor=actor,
        now=now,
    )
    back = {member.pk: "takes part again" for member in old.members.filter(is_cause=True)}
    incidents.mark_whole(incident=old, members=back, actor=actor, now=now)
    first = Screen(Role.VIEWER).first
    assert first is not None
    assert (first.number, first.is_open) == (old.number, True)
    new = fleet.lose_host(hosts["osu2-r1-h01"], now)
    first = Screen(Role.VIEWER).first
    assert first is not None
    assert first.number == new.number
