"""A whole datacenter lost, in rows: its hosts, one incident, its databases out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.core import transitions
from recovery.incidents import actions as incidents
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import Incident
from recovery.inventory.facts import PlacementState, Verdict
from recovery.inventory.models import Host, Placement
from tests.dashboard import bases
from tests.dashboard.bases import Base
from tests.dashboard.fleet import CONTROLLER, hold_host

SILENCE = timedelta(seconds=2)


def lose_datacenter(
    site: str, hosts: Iterable[Host], now: datetime, led: Iterable[Base] = ()
) -> Incident:
    """`led`: the databases whose primary is there. What the guard does: everything is held."""
    gone = [host for host in hosts if host.datacenter.name == site]
    seats = Placement.objects.filter(host__in=gone, state="running").select_related("application")
    hurt = {seat.application.pk: seat.application.name for seat in seats}
    with transaction.atomic():
        transitions.move_many(
            Host,
            {one.pk: _verdict(now) for one in gone},
            Verdict.LOST,
            actor=CONTROLLER,
            reason="Observers in other datacenters get no answer.",
            now=now,
        )
        transitions.move_many(
            Placement,
            [seat.pk for seat in seats],
            PlacementState.LOST,
            actor=CONTROLLER,
            reason="Its host is lost.",
            now=now,
        )
        causes = [NewMember(MemberKind.HOST, str(h.pk), h.name, is_cause=True) for h in gone]
        incident = incidents.open_incident(
            domain=f"datacenter:{site}",
            title=f"{site}: {len(gone)} hosts lost",
            summary="",
            happened_at=now - SILENCE,
            members=[
                *causes,
                *(NewMember(MemberKind.APPLICATION, str(pk), name) for pk, name in hurt.items()),
            ],
            actor=CONTROLLER,
            reason="A datacenter is lost.",
            now=now,
        )
        alarms.raise_alarm(
            key=f"situation:datacenter:{site}",
            severity=Severity.PAGE,
            title=incident.title,
            body="",
            incident=incident,
            actor=CONTROLLER,
            reason="A datacenter is lost.",
            now=now,
        )
    for host in gone:
        hold_host(host, "The loss of a datacenter asks a person.", now)
    for base in led:
        bases.wait(base, f"{site} is lost.", now)
        bases.write(base, now, failing_since=now - SILENCE)
    return incident


def _verdict(now: datetime) -> dict[str, object]:
    return {
        "verdict_at": now,
        "verdict_reason": "Silent for 2 s; 5 of 5 observers get no answer.",
        "verdict_evidence": {"for": ["silent"], "against": [], "missing": [], "witnesses": ["a"]},
        "replace": "allowed",
    }
