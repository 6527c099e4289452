"""A small real fleet in rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict

from recovery.audit.facts import Actor
from recovery.core import control, transitions
from recovery.inventory import actions as inventory
from recovery.inventory.facts import ApplicationKind, DomainKind, PlacementState, Replace, Verdict
from recovery.inventory.models import Application, Host, Placement
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation

NOW = datetime(2026, 11, 23, 3, 7, 12, tzinfo=UTC)
TEST = Actor("command", "test")


class Said(TypedDict):
    """Who, why and when: what every action wants to know."""

    actor: Actor
    reason: str
    now: datetime


SAID = Said(actor=TEST, reason="test", now=NOW)


def lead(name: str = "c1") -> Actor:
    """A controller that leads."""
    seen, _ = control.read_beat()
    epoch = control.take_lead(name, seen_epoch=seen, now=NOW)
    assert epoch is not None
    return Actor("controller", name, epoch)


def hosts(*names: str, memory_mib: int = 8192) -> dict[str, Host]:
    """One living host per name, each in a datacenter and a rack of its own."""
    found = {}
    for name in names:
        site = inventory.register_datacenter(
            name=name.upper(), city="", region="", latitude=48.0, longitude=2.0, **SAID
        )
        rack = inventory.register_domain(
            datacenter=site, kind=DomainKind.RACK, name=f"{name}-r1", **SAID
        )
        host = inventory.register_host(
            name=name, rack=rack, cpu_millis=4000, memory_mib=memory_mib, labels={}, **SAID
        )
        found[name] = transitions.move(host, Verdict.ALIVE, **SAID)
    return found


def application(
    name: str,
    copies: int = 1,
    kind: ApplicationKind = ApplicationKind.STATELESS,
    *,
    priority: int = 50,
    memory_mib: int = 256,
) -> Application:
    return inventory.register_application(
        name=name,
        about="",
        kind=kind,
        copies=copies,
        priority=priority,
        cpu_millis=100,
        memory_mib=memory_mib,
        required_labels={},
        image="",
        command=["serve"],
        **SAID,
    )


def judge(host: Host, verdict: Verdict, replace: Replace = Replace.NONE) -> Host:
    """What detection would write."""
    host.refresh_from_db()
    return transitions.move(host, verdict, changes={"replace": str(replace)}, **SAID)


def obey() -> None:
    """All agents do what they were ordered to, and report it."""
    for op in Operation.objects.filter(state=OperationState.WAITING):
        transitions.move(op, OperationState.INTENDED, **SAID)
        transitions.move(op, OperationState.DONE, **SAID)
        to = PlacementState.RUNNING if op.verb == Verb.START else PlacementState.STOPPED
        assert op.placement is not None
        transitions.move(op.placement, to, **SAID)


def seats(**where: object) -> list[tuple[str, int, str, str, bool]]:
    """(container, generation, host, state, provisional) of every seat, in order."""
    rows = Placement.objects.filter(**where).select_related("container__application", "host")
    return [
        (str(row.container), row.generation, row.host.name, row.state, row.provisional)
        for row in rows.order_by("application__name", "container__ordinal", "generation")
    ]
