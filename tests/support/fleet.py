"""A small fleet in rows, made through the same actions that everything else uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.inventory import actions
from recovery.inventory.facts import ApplicationKind, DomainKind, Verdict
from recovery.inventory.models import Application, Container, Host, Placement
from tests.scenes import scene

NOW = datetime(2026, 11, 23, 3, 7, tzinfo=UTC)
BY = Actor("command", "tests")
SITES = (("PAR1", 48.936, 2.357), ("OSU2", 49.066, 2.066), ("MRS1", 43.296, 5.37))


@dataclass(frozen=True, slots=True)
class Fleet:
    """Hosts by name, and one application."""

    hosts: dict[str, Host]
    application: Application


@scene
def make_fleet(*, per_site: int = 2, copies: int = 2, alive: bool = True) -> Fleet:
    """Three datacenters with a rack a host, and an application without seats."""
    hosts: dict[str, Host] = {}
    for position, (name, latitude, longitude) in enumerate(SITES):
        site = actions.register_datacenter(
            name=name,
            city=name,
            region="fr",
            latitude=latitude,
            longitude=longitude,
            position=position,
            actor=BY,
            reason="test",
            now=NOW,
        )
        for n in range(1, per_site + 1):
            rack = actions.register_domain(
                datacenter=site,
                kind=DomainKind.RACK,
                name=f"{name.lower()}-r{n}",
                actor=BY,
                reason="test",
                now=NOW,
            )
            host = actions.register_host(
                name=f"{rack.name}-h1",
                rack=rack,
                cpu_millis=4000,
                memory_mib=8000,
                labels={},
                actor=BY,
                reason="test",
                now=NOW,
            )
            hosts[host.name] = host
    if alive:
        actions.meet_hosts(hosts=[host.pk.hex for host in hosts.values()], actor=BY, now=NOW)
        for host in hosts.values():
            host.refresh_from_db()
    return Fleet(hosts, make_application("shop", copies=copies))


def make_application(name: str, *, copies: int) -> Application:
    """A stateless application with containers and no seats."""
    return actions.register_application(
        name=name,
        about="for tests",
        kind=ApplicationKind.STATELESS,
        copies=copies,
        priority=50,
        cpu_millis=200,
        memory_mib=128,
        required_labels={},
        image="",
        command=["{python}", "service.py"],
        actor=BY,
        reason="test",
        now=NOW,
    )


def seat(
    container: Container,
    host: Host,
    *,
    state: str = "running",
    generation: int = 1,
    port: int = 9000,
) -> Placement:
    """A seat in this state, as scheduling would have written it."""
    row = Placement(
        container=container,
        application=container.application,
        host=host,
        generation=generation,
        state=state,
        port=port,
        cpu_millis=container.application.cpu_millis,
        memory_mib=container.application.memory_mib,
        planned_at=NOW,
    )
    return transitions.create([row], actor=BY, reason="test", now=NOW)[0]


def lose(host: Host, verdict: Verdict = Verdict.LOST) -> Host:
    """The host as detection leaves it."""
    return transitions.move(host, verdict, actor=BY, reason="silent", now=NOW)
