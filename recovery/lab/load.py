"""The lab's file as rows of the inventory, and a join token for each host that has not enrolled."""

from __future__ import annotations

from datetime import datetime

from recovery.agent.disk import private_folder, write_atomic
from recovery.alarms.actions import register_channel
from recovery.alarms.facts import Audience
from recovery.audit.facts import Actor
from recovery.drp.drills.actions import add_drill_host, is_drill_token, issue_drill_token
from recovery.inventory import actions
from recovery.inventory.facts import ApplicationKind, DomainKind
from recovery.inventory.models import Datacenter, FailureDomain, Host
from recovery.lab.layout import Layout
from recovery.lab.settings import LabSettings

_REASON = "The lab's file says so."


def load_lab(layout: Layout, settings: LabSettings, *, actor: Actor, now: datetime) -> int:
    """Registers all of it; the number of hosts that got a fresh join token. Safe to repeat."""
    tokens = 0
    for position, entry in enumerate(layout.datacenters):
        datacenter = actions.register_datacenter(
            name=entry.name,
            city=entry.place,
            region=entry.region,
            latitude=entry.latitude,
            longitude=entry.longitude,
            position=position,
            actor=actor,
            reason=_REASON,
            now=now,
        )
        for rack in entry.racks:
            domain = _rack(datacenter, rack.name, actor=actor, now=now)
            for host in rack.hosts:
                row = actions.register_host(
                    name=host.name,
                    rack=domain,
                    cpu_millis=host.cpu_millis,
                    memory_mib=host.memory_mib,
                    labels=host.labels,
                    actor=actor,
                    reason=_REASON,
                    now=now,
                )
                tokens += _invite(row, settings, actor=actor, now=now)
    _register_applications(layout, actor=actor, now=now)
    if settings.has_drills:
        _register_drills(layout, settings, actor=actor, now=now)
    for name, audience in (("ops", Audience.TEAM), ("customers", Audience.CUSTOMERS)):
        register_channel(
            name=f"{name} by mail",
            kind="mail",
            address=f"{name}@lab.invalid",
            audience=audience,
            actor=actor,
            reason=_REASON,
            now=now,
        )
    return tokens


def _rack(datacenter: Datacenter, name: str, *, actor: Actor, now: datetime) -> FailureDomain:
    return actions.register_domain(
        datacenter=datacenter,
        kind=DomainKind.RACK,
        name=name,
        actor=actor,
        reason=_REASON,
        now=now,
    )


def _invite(host: Host, settings: LabSettings, *, actor: Actor, now: datetime) -> int:
    """A token file for a host without an identity in these rows (A1: used once)."""
    if host.public_key:
        return 0
    token = actions.issue_join_token(host=host, actor=actor, reason=_REASON, now=now)
    private_folder(settings.host_folder(host.name))
    write_atomic(settings.token_file(host.name), token.encode())
    return 1


def _register_drills(layout: Layout, settings: LabSettings, *, actor: Actor, now: datetime) -> None:
    """Each with the token that opens the drills' door, unless its file has one that does."""
    for entry in layout.drills:
        row = add_drill_host(
            name=entry.name,
            cpu_millis=entry.cpu_millis,
            memory_mib=entry.memory_mib,
            actor=actor,
            reason=_REASON,
            now=now,
        )
        path = settings.token_file(entry.name)
        if path.exists() and is_drill_token(row, path.read_text().strip()):
            continue
        token = issue_drill_token(host=row, actor=actor, reason=_REASON, now=now)
        private_folder(settings.host_folder(entry.name))
        write_atomic(path, token.encode())


def _register_applications(layout: Layout, *, actor: Actor, now: datetime) -> None:
    for entry in layout.applications:
        actions.register_application(
            name=entry.name,
            about=entry.description,
            kind=ApplicationKind(entry.kind),
            copies=entry.containers,
            priority=entry.priority,
            cpu_millis=entry.cpu_millis,
            memory_mib=entry.memory_mib,
            required_labels=entry.labels,
            image="",
            command=entry.argv(),
            actor=actor,
            reason=_REASON,
            now=now,
        )
