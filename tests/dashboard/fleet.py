"""A fleet in rows, made through actions and transitions alone, for tests of the screens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from recovery.access import actions as access
from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.incidents import actions as incidents
from recovery.incidents.facts import MemberKind, NewMember
from recovery.incidents.models import Incident
from recovery.inventory import actions as inventory
from recovery.inventory.facts import ApplicationKind, DomainKind, PlacementState, Verdict
from recovery.inventory.models import Application, Container, Host, Placement

SITES = (
    ("PAR1", "Saint-Denis", 48.93, 2.35),
    ("OSU2", "Osny", 49.06, 2.06),
    ("MRS1", "Marseille", 43.30, 5.37),
)
BY = Actor("command", "seed")
CONTROLLER = Actor("controller", "c1", 1)
PEOPLE = ("viewer", "responder", "approver", "admin")
PASSWORD = "correct horse battery"


def plain(html: str) -> str:
    """A page without the marks that keep a name in a sentence in one piece."""
    return re.sub(r'<span class="name">([^<]*)</span>', r"\1", html)


def seed_people(now: datetime) -> None:
    """One person of each role."""
    for role in PEOPLE:
        access.register_person(
            username=role, role=role, password=PASSWORD, actor=BY, reason="Seed.", now=now
        )


def seed_fleet(now: datetime, *, racks: int = 2, hosts: int = 2) -> list[Host]:
    """Three sites with this many racks and hosts each; every host alive."""
    made = []
    for position, (name, city, latitude, longitude) in enumerate(SITES):
        site = inventory.register_datacenter(
            name=name,
            city=city,
            region="France",
            latitude=latitude,
            longitude=longitude,
            position=position,
            actor=BY,
            reason="Seed.",
            now=now,
        )
        for r in range(1, racks + 1):
            rack = inventory.register_domain(
                datacenter=site,
                kind=DomainKind.RACK,
                name=f"{name.lower()}-r{r}",
                room="room A" if r < 3 else "room B",
                actor=BY,
                reason="Seed.",
                now=now,
            )
            made += [
                Host(
                    name=f"{rack.name}-h{h:02}",
                    rack=rack,
                    datacenter=site,
                    cpu_millis=8000,
                    memory_mib=16384,
                )
                for h in range(1, hosts + 1)
            ]
    transitions.create(made, actor=BY, reason="Seed.", now=now)
    transitions.move_many(
        Host,
        {
            h.pk: {"verdict_at": now, "verdict_reason": "First heartbeat after enrolment."}
            for h in made
        },
        Verdict.ALIVE,
        actor=CONTROLLER,
        reason="First heartbeat.",
        now=now,
    )
    return made


def seed_application(
    name: str,
    on: Sequence[Host],
    now: datetime,
    *,
    priority: int = 50,
    port: int = 20000,
    kind: ApplicationKind = ApplicationKind.STATELESS,
) -> Application:
    """An application with one running container on each of these hosts."""
    app = inventory.register_application(
        name=name,
        about="",
        kind=kind,
        copies=len(on),
        priority=priority,
        cpu_millis=250,
        memory_mib=256,
        required_labels={},
        image="",
        command=[],
        actor=BY,
        reason="Seed.",
        now=now,
    )
    containers = Container.objects.filter(application=app).order_by("ordinal")
    seats = [seat(c, host, now, port=port) for c, host in zip(containers, on, strict=True)]
    transitions.create(seats, actor=CONTROLLER, reason="Seed.", now=now)
    run(seats, now)
    return app


def seed_singleton(name: str, on: Host, now: datetime) -> Placement:
    """Something of which only one may ever run, and its running seat."""
    app = seed_application(name, [on], now, port=20900, kind=ApplicationKind.SINGLETON)
    return Placement.objects.get(application=app)


def seat(container: Container, host: Host, now: datetime, *, port: int) -> Placement:
    """A planned seat."""
    return Placement(
        container=container,
        application=container.application,
        host=host,
        generation=container.placements.count() + 1,
        port=port,
        cpu_millis=250,
        memory_mib=256,
        planned_at=now,
        reason="Most room, and no other container of it there.",
    )


def run(seats: Sequence[Placement], now: datetime) -> None:
    """They start and answer."""
    ids = [s.pk for s in seats]
    for state in (PlacementState.STARTING, PlacementState.RUNNING):
        changes = {pk: {"running_at": now} if state == "running" else {} for pk in ids}
        transitions.move_many(Placement, changes, state, actor=CONTROLLER, reason="Seed.", now=now)


def lose_host(host: Host, now: datetime) -> Incident:
    """What detection does in one transaction: host lost, incident opened, alarm raised."""
    host.refresh_from_db()
    seats = list(Placement.objects.filter(host=host, state="running").select_related("application"))
    with transaction.atomic():
        transitions.move(
            host,
            Verdict.LOST,
            actor=CONTROLLER,
            reason="5 of 5 observers get no answer.",
            now=now,
            changes={
                "verdict_at": now,
                "verdict_reason": "Silent for 1.2 s; 5 of 5 observers get no answer.",
                "verdict_evidence": {
                    "for": ["5 observers find kernel and containers silent"],
                    "against": [],
                    "missing": [],
                    "witnesses": ["a", "b", "c", "d", "e"],
                },
                "replace": "allowed",
            },
        )
        transitions.move_many(
            Placement,
            [s.pk for s in seats],
            PlacementState.LOST,
            actor=CONTROLLER,
            reason="Its host is lost.",
            now=now,
        )
        incident = incidents.open_incident(
            domain=f"host:{host.name}",
            title=f"Host {host.name} lost in {host.datacenter}",
            summary="Its rack and its datacenter answer.",
            happened_at=now - timedelta(seconds=1.2),
            members=[NewMember(MemberKind.HOST, str(host.pk), host.name, is_cause=True)]
            + [
                NewMember(MemberKind.APPLICATION, str(s.application.pk), s.application.name)
                for s in seats
            ],
            actor=CONTROLLER,
            reason="5 of 5 observers get no answer.",
            now=now,
        )
        alarms.raise_alarm(
            key=f"host:{host.name}",
            severity=Severity.PAGE,
            title=incident.title,
            body="",
            incident=incident,
            actor=CONTROLLER,
            reason="A host is lost.",
            now=now,
        )
    return incident


def replace_seat(lost: Placement, on: Host, now: datetime) -> Placement:
    """A new seat, starting, for a lost one."""
    new = seat(lost.container, on, now, port=lost.port + 100)
    transitions.create([new], actor=CONTROLLER, reason="Replaces a lost seat.", now=now)
    transitions.move_many(
        Placement, [new.pk], PlacementState.STARTING, actor=CONTROLLER, reason="Admitted.", now=now
    )
    return new


def seed_demo(now: datetime) -> dict[str, Host]:
    """The small fleet that most tests look at."""
    hosts = {h.name: h for h in seed_fleet(now, racks=2, hosts=3)}
    names = list(hosts)
    spread = [
        ("newsletter", [names[1]]),
        ("mairie-lyon-web", [names[0], names[1], names[6], names[12]]),
        ("billing-worker", [names[1], names[7]]),
        ("geo-tiles", [names[3]]),
        ("checkout", [names[4], names[9], names[14]]),
    ]
    for n, (name, on) in enumerate(spread):
        seed_application(name, [hosts[h] for h in on], now, priority=90 - 10 * n, port=20000 + n)
    return hosts


def hold_host(host: Host, reason: str, now: datetime) -> None:
    """What the guard does with a lost host whose replacement asks a person."""
    transitions.amend(
        Host.objects.get(pk=host.pk),
        {"replace": "held", "replace_reason": reason},
        action="replace held",
        actor=CONTROLLER,
        reason=reason,
        now=now,
    )
