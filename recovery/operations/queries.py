"""Rows of operations as facts."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.fields.json import KT

from recovery.inventory.facts import SERVING, Verdict
from recovery.inventory.models import Placement
from recovery.operations.decide import Flying, Ledger, Waiting
from recovery.operations.facts import IN_FLIGHT, UNFINISHED, OperationState, Verb
from recovery.operations.models import Operation


def unfinished_of(placements: Sequence[UUID]) -> list[Operation]:
    """The operations of these seats that have no outcome yet."""
    return list(Operation.objects.filter(placement__in=placements, state__in=UNFINISHED))


def about_restore(name: str) -> QuerySet[Operation]:
    """Those of a restore or restore test, in the order in which they were asked for. By an index:
    the leader asks several times a second."""
    rows = Operation.objects.alias(restore=KT("params__restore")).filter(restore=name)
    return rows.order_by("requested_at", "pk")


def asking_operations() -> list[Waiting]:
    """Everything that waits for a token."""
    rows = Operation.objects.filter(state=OperationState.WAITING).values_list(
        "id", "verb", "host_id", "host__datacenter_id", "urgency", "requested_at"
    )
    return [
        Waiting(str(pk), Verb(verb), str(host), str(site), urgency, asked.timestamp())
        for pk, verb, host, site, urgency, asked in rows
    ]


def ledger(paused: str = "") -> Ledger:
    """What is in flight, and the size of the fleet that the limits are a share of."""
    rows = Operation.objects.filter(state__in=IN_FLIGHT).values_list(
        "verb", "host_id", "host__datacenter_id"
    )
    per_host = list(
        Placement.objects.filter(state__in=SERVING)
        .values_list("host_id")
        .annotate(n=Count("id"))
        .values_list("n", flat=True)
    )
    return Ledger(
        flying=tuple(Flying(Verb(verb), str(host), str(site)) for verb, host, site in rows),
        containers=sum(per_host),
        largest_host=max(per_host, default=0),
        paused=paused,
    )


def operations_of_gone_hosts() -> list[Operation]:
    """Operations that wait for, or were handed to, hosts that are lost or hung."""
    return list(
        Operation.objects.filter(
            state__in=[OperationState.WAITING, *IN_FLIGHT],
            host__verdict__in=[Verdict.LOST, Verdict.HUNG],
        )
    )
