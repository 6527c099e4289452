"""Rows as scheduling's facts: a handful of statements, whatever the size of the fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, Sum

from recovery.audit.models import AuditEntry
from recovery.inventory.facts import SEATED, PlacementState, Replace, Verdict
from recovery.inventory.models import Application, Container, Host, JoinToken, Placement
from recovery.inventory.queries import deaf_since
from recovery.operations.facts import UNFINISHED, Verb
from recovery.operations.models import Operation
from recovery.operations.queries import unfinished_of
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    ACTIVE,
    ApplicationFact,
    Decision,
    HostFact,
    Kind,
    Policy,
    SeatFact,
    SeatState,
    SlotFact,
    Snapshot,
    Vector,
)
from recovery.scheduling.forming import forming
from recovery.scheduling.models import Hold, HoldState, Release
from recovery.scheduling.what_if import Outlook, outlooks

FAILURE_MEMORY = timedelta(minutes=10)
"""How long a failed start counts against a host and lengthens the pause."""


def snapshot_of(
    applications: Collection[UUID], now: datetime, policy: Policy | None = None
) -> Snapshot:
    """All hosts, and everything about these applications. Eleven statements, and one while
    there are hosts that were never seen."""
    slots = _slots(applications, now)
    hosts = _hosts()
    return Snapshot(
        hosts=hosts,
        applications=tuple(
            _application(row, slots[row.pk])
            for row in Application.objects.filter(pk__in=applications)
        ),
        seats=_seats(applications),
        policy=policy or Policy(),
        asked=_asked_labels(),
        forming=forming(hosts, now),
    )


def unsettled_applications() -> list[UUID]:
    """Applications in which something may be to do: a wanted copy without a seat, or a seat
    that is provisional, sick, lost, unwanted, or on a host that is not plainly well."""
    active = Placement.objects.filter(container=OuterRef("pk"), state__in=ACTIVE, provisional=False)
    missing = Container.objects.filter(~Exists(active), wanted=True).values("application")
    starting = Operation.objects.filter(
        placement=OuterRef("pk"), verb=Verb.START, state__in=UNFINISHED
    )
    unasked = Placement.objects.filter(~Exists(starting), state=SeatState.PLANNED)
    doubtful = Placement.objects.filter(
        ~Q(host__verdict=Verdict.ALIVE)
        | Q(host__draining_at__isnull=False)
        | Q(provisional=True)
        | Q(container__wanted=False)
        | Q(state__in=[SeatState.SICK, SeatState.LOST]),
        state__in=SEATED,
    ).values("application")
    return list(
        missing.union(doubtful, unasked.values("application")).values_list("application", flat=True)
    )


def forecast(now: datetime) -> tuple[Outlook, ...]:
    """What the loss of each datacenter, rack and host would do now."""
    return outlooks(snapshot_of(list(Application.objects.values_list("pk", flat=True)), now), now)


def standing(now: datetime) -> Decision:
    """What scheduling would order and what it says no to at this moment; nothing is done."""
    return decide(snapshot_of(unsettled_applications(), now), now)


def open_holds() -> list[Hold]:
    """Copies that wait, longest first, for the screens."""
    rows = Hold.objects.filter(state=HoldState.OPEN).select_related("container__application")
    return list(rows.order_by("since", "pk"))


def releasable_seats(containers: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Of each of these containers the newest lost seat that nobody has vouched for yet, and the
    name of its host."""
    rows = Placement.objects.filter(container__in=containers, state=PlacementState.LOST)
    rows = rows.exclude(releases__void_at=None, releases__isnull=False).order_by("generation")
    found = rows.values_list("container_id", "pk", "host__name")
    return {container: (str(pk), host) for container, pk, host in found}


def _hosts() -> tuple[HostFact, ...]:
    used: dict[UUID, Vector] = {
        host: (cpu, memory)
        for host, cpu, memory in Placement.objects.filter(state__in=SEATED)
        .values_list("host_id")
        .annotate(cpu=Sum("cpu_millis"), memory=Sum("memory_mib"))
    }
    deaf = deaf_since()
    rows = list(Host.objects.select_related("datacenter", "rack"))
    joining = _joining_at() if any(row.verdict == Verdict.ENROLLING for row in rows) else {}
    return tuple(
        _host(row, used.get(row.pk, (0, 0)), deaf=row.pk in deaf, joining=joining.get(row.pk))
        for row in rows
    )


def _joining_at() -> dict[UUID, datetime]:
    """Of each host that was never seen, when it was last invited or enrolled. A host's row knows no
    instant of its registration; its join token is what tells an agent to come."""
    rows = JoinToken.objects.filter(host__verdict=Verdict.ENROLLING).order_by()
    told = rows.values_list("host_id", "host__enrolled_at").annotate(invited=Max("issued_at"))
    return {host: max(invited, enrolled or invited) for host, enrolled, invited in told}


def _host(row: Host, used: Vector, *, deaf: bool, joining: datetime | None) -> HostFact:
    return HostFact(
        id=str(row.pk),
        name=row.name,
        datacenter=row.datacenter.name,
        rack=row.rack.name,
        capacity=(row.cpu_millis, row.memory_mib),
        used=used,
        labels=labels_of(row.labels),
        cordoned=row.cordoned_at is not None,
        draining=row.draining_at is not None,
        quarantined=row.quarantined_at is not None,
        deaf=deaf,
        verdict=Verdict(row.verdict),
        replace=Replace(row.replace),
        joining_at=joining,
    )


def labels_of(labels: dict[str, object]) -> frozenset[str]:
    """`{"disk": "ssd"}` as `{"disk=ssd"}`."""
    return frozenset(f"{name}={value}" for name, value in labels.items())


def _asked_labels() -> frozenset[str]:
    rows = Application.objects.exclude(required_labels={}).order_by()
    asked = rows.values_list("required_labels", flat=True)
    return frozenset().union(*map(labels_of, asked))


def _application(row: Application, slots: list[SlotFact]) -> ApplicationFact:
    return ApplicationFact(
        id=str(row.pk),
        name=row.name,
        wanted=row.copies,
        need=(row.cpu_millis, row.memory_mib),
        priority=row.priority,
        kind=Kind(row.kind),
        labels=labels_of(row.required_labels),
        slots=tuple(slots),
    )


def _slots(applications: Collection[UUID], now: datetime) -> dict[UUID, list[SlotFact]]:
    failures: dict[UUID, list[tuple[datetime, str]]] = defaultdict(list)
    recent = Placement.objects.filter(
        application__in=applications,
        state=SeatState.FAILED,
        ended_at__gt=now - FAILURE_MEMORY,
    )
    for container, host, ended in recent.values_list("container_id", "host_id", "ended_at"):
        if ended is not None:
            failures[container].append((ended, str(host)))
    slots: dict[UUID, list[SlotFact]] = defaultdict(list)
    for pk, application, ordinal, generation in Container.objects.filter(
        application__in=applications
    ).values_list("pk", "application_id", "ordinal", "generation"):
        failed = failures[pk]
        slots[application].append(
            SlotFact(
                ordinal=ordinal,
                generation=generation,
                failures=len(failed),
                failed_at=max((at for at, _ in failed), default=None),
                failed_on=frozenset(host for _, host in failed),
            )
        )
    return slots


def _seats(applications: Collection[UUID]) -> tuple[SeatFact, ...]:
    rows = list(
        Placement.objects.filter(application__in=applications, state__in=SEATED)
        .select_related("container")
        .order_by("pk")
    )
    released = set(
        Release.objects.filter(placement__in=[row.pk for row in rows], void_at=None).values_list(
            "placement_id", flat=True
        )
    )
    planned = [row.pk for row in rows if row.state == SeatState.PLANNED]
    asked = {op.placement_id for op in unfinished_of(planned) if op.verb == Verb.START}
    sick = _sick_since([row.pk for row in rows if row.state == SeatState.SICK])
    return tuple(
        SeatFact(
            id=str(row.pk),
            application=str(row.application_id),
            ordinal=row.container.ordinal,
            host=str(row.host_id),
            generation=row.generation,
            state=SeatState(row.state),
            since=sick.get(str(row.pk), row.planned_at),
            provisional=row.provisional,
            released=row.pk in released,
            asked=row.state != SeatState.PLANNED or row.pk in asked,
        )
        for row in rows
    )


def _sick_since(seats: Collection[UUID]) -> dict[str, datetime]:
    """Since when each of these is sick: the instant of its newest entry that says so."""
    if not seats:
        return {}
    entries = AuditEntry.objects.filter(
        object_type=Placement.TYPE,
        object_id__in=[str(pk) for pk in seats],
        body__action=str(SeatState.SICK),
    )
    return dict(entries.values_list("object_id").annotate(at=Max("recorded_at")))
