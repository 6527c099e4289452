"""Places, hosts and applications."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.inventory.actions.describing import register
from recovery.inventory.facts import ApplicationKind, DomainKind, Verdict
from recovery.inventory.models import (
    Application,
    Container,
    Datacenter,
    FailureDomain,
    Host,
    HostMemory,
    JoinToken,
)

TOKEN_LIFE = timedelta(minutes=15)
"""safety.md A1."""


def register_datacenter(
    *,
    name: str,
    city: str,
    region: str,
    latitude: float,
    longitude: float,
    position: int = 0,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Datacenter:
    """The datacenter of this name, made or brought up to date."""
    fields = {
        "city": city,
        "region": region,
        "latitude": latitude,
        "longitude": longitude,
        "position": position,
    }
    return register(Datacenter, {"name": name}, fields, actor=actor, reason=reason, now=now)


def register_domain(
    *,
    datacenter: Datacenter,
    kind: DomainKind,
    name: str,
    room: str = "",
    actor: Actor,
    reason: str,
    now: datetime,
) -> FailureDomain:
    """The failure domain of this name in the datacenter."""
    key = {"datacenter": datacenter, "kind": str(kind), "name": name}
    return register(FailureDomain, key, {"room": room}, actor=actor, reason=reason, now=now)


def register_host(
    *,
    name: str,
    rack: FailureDomain,
    cpu_millis: int,
    memory_mib: int,
    labels: Mapping[str, str],
    actor: Actor,
    reason: str,
    now: datetime,
) -> Host:
    """A host that is expected to enrol. It gets no seats before it has."""
    fields = {
        "rack": rack,
        "datacenter": rack.datacenter,
        "cpu_millis": cpu_millis,
        "memory_mib": memory_mib,
        "labels": dict(labels),
    }
    return register(Host, {"name": name}, fields, actor=actor, reason=reason, now=now)


def issue_join_token(*, host: Host, actor: Actor, reason: str, now: datetime) -> str:
    """A one-time token for this host: shown once, kept as a hash (A1)."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        transitions.amend(
            Host.objects.get(pk=host.pk),
            {},
            action="join token issued",
            actor=actor,
            reason=reason,
            now=now,
        )
        JoinToken.objects.create(
            host=host, digest=digest_token(token), issued_at=now, expires_at=now + TOKEN_LIFE
        )
    return token


def digest_token(token: str) -> str:
    """What is kept of a join token."""
    return hashlib.sha256(token.encode()).hexdigest()


def enrol_host(*, name: str, token: str, public_key: str, now: datetime) -> Host:
    """Spend the token and pin the host's key. Exactly one of many racers wins (A1)."""
    with transaction.atomic():
        spent = (
            JoinToken.objects.select_for_update()
            .filter(digest=digest_token(token), used_at=None)
            .select_related("host")
            .first()
        )
        if spent is None or spent.expires_at < now:
            raise Refused(
                "The join token is unknown, used or expired.",
                field="token",
                todo="Issue a new one for this host.",
            )
        if spent.host.name != name:
            raise Refused(
                f"The join token is for another host than {name}.",
                field="host",
                kept="The token is still good for its own host.",
            )
        spent.used_at = now
        spent.save(update_fields=["used_at"])
        changes = {"public_key": public_key, "enrolled_at": now}
        return transitions.amend(
            spent.host,
            changes,
            action="enrolled",
            actor=Actor("agent", name),
            reason="A join token was spent.",
            now=now,
        )


def register_application(
    *,
    name: str,
    about: str,
    kind: ApplicationKind,
    copies: int,
    priority: int,
    cpu_millis: int,
    memory_mib: int,
    required_labels: Mapping[str, str],
    image: str,
    command: Sequence[str],
    release: str = "1",
    health_path: str = "/healthz",
    actor: Actor,
    reason: str,
    now: datetime,
) -> Application:
    """The application and its containers: copies 1…n are wanted, higher ones no longer are."""
    if kind is ApplicationKind.SINGLETON and copies > 1:
        raise Refused(f"{name} is a singleton: it cannot have {copies} copies.", field="copies")
    fields = {
        "about": about,
        "kind": str(kind),
        "copies": copies,
        "priority": priority,
        "cpu_millis": cpu_millis,
        "memory_mib": memory_mib,
        "required_labels": dict(required_labels),
        "image": image,
        "command": list(command),
        "release": release,
        "health_path": health_path,
    }
    with transaction.atomic():
        row = register(Application, {"name": name}, fields, actor=actor, reason=reason, now=now)
        _set_copies(row, actor=actor, reason=reason, now=now)
    return row


def _set_copies(application: Application, *, actor: Actor, reason: str, now: datetime) -> None:
    there = {c.ordinal: c for c in Container.objects.filter(application=application)}
    new = [
        Container(application=application, ordinal=n)
        for n in range(1, application.copies + 1)
        if n not in there
    ]
    transitions.create(new, actor=actor, reason=reason, now=now)
    changes = {
        c.pk: {"wanted": n <= application.copies}
        for n, c in there.items()
        if c.wanted != (n <= application.copies)
    }
    transitions.amend_many(Container, changes, action="wanted", actor=actor, reason=reason, now=now)


def cordon_host(*, host: Host, actor: Actor, reason: str, now: datetime) -> Host:
    """Nothing new on this host until it is uncordoned."""
    changes = {"cordoned_at": now, "cordon_reason": reason}
    return transitions.amend(host, changes, action="cordoned", actor=actor, reason=reason, now=now)


def uncordon_host(*, host: Host, actor: Actor, reason: str, now: datetime) -> Host:
    """The host may get seats again; a drain ends too."""
    changes = {"cordoned_at": None, "cordon_reason": "", "draining_at": None}
    return transitions.amend(
        host, changes, action="uncordoned", actor=actor, reason=reason, now=now
    )


def drain_host(*, host: Host, actor: Actor, reason: str, now: datetime) -> Host:
    """Cordon it and let scheduling move its containers away, each started elsewhere first."""
    changes = {"cordoned_at": now, "cordon_reason": reason, "draining_at": now}
    return transitions.amend(host, changes, action="draining", actor=actor, reason=reason, now=now)


def remember_host(
    *, host: UUID, now: datetime, leader_epoch: int = 0, desired_version: int = 0
) -> None:
    """What its agent says that it knows. A sight is no state: no entry."""
    told = {"leader_epoch": leader_epoch, "desired_version": desired_version}
    known = {name: value for name, value in told.items() if value}
    HostMemory.objects.update_or_create(host_id=host, defaults={"at": now, **known})


def welcome_host(
    *,
    host: Host,
    boot: str,
    address: str,
    probe_port: int,
    peer_port: int = 0,
    agent_version: str,
    adapters: Sequence[str],
    now: datetime,
) -> Host:
    """Note where the host is and which boot it is in; nothing is written when it is known."""
    told = {
        "boot": boot,
        "address": address,
        "probe_port": probe_port,
        "peer_port": peer_port,
        "agent_version": agent_version,
        "adapters": list(adapters),
    }
    changes = {name: value for name, value in told.items() if getattr(host, name) != value}
    if not changes:
        return host
    return transitions.amend(
        host,
        changes,
        action="reported in",
        actor=Actor("agent", host.name),
        reason="The agent opened a session.",
        now=now,
    )


def meet_hosts(*, hosts: Collection[str], actor: Actor, now: datetime) -> list[Host]:
    """Of these hosts (hex ids), those that have only enrolled so far are alive."""
    reason = "Its first heartbeat after enrolment arrived."
    changes = {"verdict_at": now, "verdict_reason": reason}
    return transitions.move_many(
        Host,
        {UUID(host): changes for host in hosts},
        Verdict.ALIVE,
        seen={Verdict.ENROLLING},
        actor=actor,
        reason=reason,
        now=now,
    )
