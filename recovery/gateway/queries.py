"""Rows → what the gateway tells agents. Bulk: one query for all hosts that are asked about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from recovery.core import incarnations, wire
from recovery.failover.queries import fenced_hosts
from recovery.gateway.databases import databases_of, kept_out, order_of, specs_of
from recovery.gateway.decide import Watcher
from recovery.gateway.models import HeartbeatKey
from recovery.gateway.plans import plan_words
from recovery.inventory.facts import DESIRED, SERVING
from recovery.inventory.models import Host, Placement
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation

HARMLESS = frozenset({Verb.STOP, Verb.ASK, Verb.FENCE, Verb.DISCARD, Verb.KEEP, Verb.EXPORT})
"""What a host of a fenced datacenter may still be told."""


@dataclass(frozen=True, slots=True)
class Errand:
    """An operation as it goes to an agent. `handed`: it was sent before."""

    operation: UUID
    host: UUID
    order: wire.Order | wire.DatabaseOrder
    handed: bool


def heartbeat_keys() -> list[tuple[bytes, bytes]]:
    """(host id, key) of every enrolled host."""
    return [(row.host_id.bytes, row.secret) for row in HeartbeatKey.objects.all()]


def next_desired_version() -> int:
    """A number above every earlier one; taken *before* the rows are read, so that of two
    pictures the one with the higher number is never the older one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('desired_version')")
        (version,) = cursor.fetchone() or (0,)
    return int(version) + incarnations.desired_floor()


def desired_of(hosts: Collection[UUID], *, epoch: int) -> dict[UUID, wire.Desired]:
    """All that should run on each of these hosts; nothing while the rows are in doubt (B11). In a
    fenced datacenter nothing runs: no container is wanted, and no server may run for clients."""
    if not incarnations.speaks():
        return {}
    version = next_desired_version()
    quarantined = dict(Host.objects.filter(pk__in=hosts).values_list("pk", "quarantined_at"))
    specs: dict[UUID, list[wire.ContainerSpec]] = defaultdict(list)
    seats = Placement.objects.filter(host__in=hosts, state__in=DESIRED)
    for seat in seats.select_related("container__application"):
        specs[seat.host_id].append(spec_of(seat))
    databases = databases_of(hosts)
    fenced = fenced_hosts(hosts)
    for host in fenced:
        specs[host] = []
        databases[host] = [kept_out(spec) for spec in databases.get(host, ())]
    return {
        host: wire.Desired(
            version=version,
            epoch=epoch,
            quarantined=since is not None or host in fenced,
            containers=tuple(specs[host]),
            databases=tuple(databases.get(host, ())),
        )
        for host, since in quarantined.items()
    }


def spec_of(seat: Placement) -> wire.ContainerSpec:
    """How the agent starts this seat's container."""
    application = seat.container.application
    return wire.ContainerSpec(
        placement=str(seat.pk),
        application=application.name,
        container=str(seat.container),
        generation=seat.generation,
        image=application.image,
        command=tuple(application.command),
        port=seat.port,
        health_path=application.health_path,
        version=application.release,
        limits=wire.Limits(cpu_millis=seat.cpu_millis, memory_mib=seat.memory_mib),
    )


def errands(hosts: Collection[UUID], *, epoch: int, resend_before: datetime) -> list[Errand]:
    """Operations to hand to these hosts: new ones, and ones whose outcome is overdue.

    `epoch` is the leader's, read before these rows: what an earlier leader committed is still
    decided, and an agent that has met the new leader must not take it for the old one's. Nothing
    while the rows are in doubt (B11), and in a fenced datacenter nothing that starts anything.
    """
    if not incarnations.speaks():
        return []
    rows = (
        Operation.objects.filter(
            host__in=hosts,
            state__in=[OperationState.INTENDED, OperationState.HANDED, OperationState.UNKNOWN],
        )
        .select_related("placement__container__application", "replica")
        .order_by("-urgency", "requested_at")
    )
    fenced = fenced_hosts(hosts)
    due = [
        op
        for op in rows
        if (op.state == OperationState.INTENDED or _is_overdue(op, resend_before))
        and (op.verb in HARMLESS or op.host_id not in fenced)
    ]
    specs = specs_of({op.replica.database_id for op in due if op.replica})
    plans = plan_words(due)
    return [
        Errand(op.pk, op.host_id, order, op.state != OperationState.INTENDED)
        for op in due
        if (order := _order(op, specs, epoch, plans.get(op.pk)))
    ]


def _is_overdue(op: Operation, before: datetime) -> bool:
    return op.handed_at is not None and op.handed_at < before


def _order(
    op: Operation,
    specs: Mapping[UUID, wire.DatabaseSpec],
    epoch: int,
    plan: wire.PlanWord | None,
) -> wire.Order | wire.DatabaseOrder | None:
    """The order, or None where its replica was retired meanwhile, or has moved to another host:
    what was decided about the copy that is left there must not start it."""
    if op.placement is None:
        spec = specs.get(op.replica_id) if op.replica_id else None
        return order_of(op, spec, epoch, plan) if spec and _is_there(op) else None
    verb: wire.Verb = "start" if op.verb == Verb.START else "stop"
    return wire.Order(
        operation=str(op.pk),
        epoch=max(op.epoch, epoch),
        verb=verb,
        container=spec_of(op.placement),
    )


def _is_there(op: Operation) -> bool:
    """A restore goes beside, and is dropped, wherever that is; what it took the place of is closed
    where that was left; every other order is about a copy in its place."""
    is_beside = op.verb in {Verb.RESTORE, Verb.DISCARD} or (
        op.verb == Verb.FENCE and "restore" in op.params
    )
    return is_beside or (op.replica is not None and op.replica.host_id == op.host_id)


def fleet_to_watch() -> tuple[list[Watcher], dict[str, wire.Peer]]:
    """Every host that can be probed, and where: its kernel and its serving containers."""
    ports: dict[UUID, list[int]] = defaultdict(list)
    for host, port in Placement.objects.filter(state__in=SERVING).values_list("host_id", "port"):
        ports[host].append(port)
    watchers, peers = [], {}
    rows = Host.objects.exclude(address="").values_list(
        "pk", "datacenter_id", "rack_id", "address", "probe_port"
    )
    for pk, datacenter, rack, address, probe_port in rows.order_by("pk"):
        watchers.append(Watcher(pk.hex, str(datacenter), str(rack)))
        peers[pk.hex] = wire.Peer(
            host_id=pk.hex,
            address=address,
            probe_port=probe_port,
            ports=tuple(sorted(ports[pk])),
        )
    return watchers, peers
