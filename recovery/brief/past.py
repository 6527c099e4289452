"""What restores, failovers and starts took here: four statements, whatever there was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, OuterRef, Subquery

from recovery.backups.facts import ProofState
from recovery.backups.models import Proof
from recovery.brief.facts import Drill, Measured, Past
from recovery.failover.models import Failover
from recovery.failover.phases import FailoverKind
from recovery.inventory.models import Placement
from recovery.restores.facts import Phase
from recovery.restores.models import Restore, RestoreStep

NEWEST = 50
STARTS = 200
LEAST = 1 << 20
"""Bytes: a restore of less took its time for everything else, and says nothing of its speed."""
Sample = tuple[datetime, int]
"""When it was measured, and what."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The newest first."""

    restores: tuple[Sample, ...] = ()
    besides: tuple[Sample, ...] = ()
    promotions: tuple[Sample, ...] = ()
    starts: tuple[Sample, ...] = ()

    def before(self, loss: datetime | None, drills: tuple[Drill, ...] = ()) -> Past:
        """As it was known when the datacenter fell silent: what is measured since changes nothing
        of what a person is shown."""
        return Past(
            _measured(self.restores, loss),
            _measured(self.besides, loss),
            _measured(self.promotions, loss),
            _measured(self.starts, loss),
            drills,
        )


def _measured(samples: tuple[Sample, ...], loss: datetime | None) -> Measured:
    known = [(at, value) for at, value in samples if loss is None or at <= loss]
    return Measured(tuple(value for _, value in known), known[0][0] if known else None)


def load_samples() -> Samples:
    """Four statements, whatever there was."""
    return Samples(*_restores(), _promotions(), _starts())


def _newest(found: Iterable[tuple[datetime | None, float | None]]) -> tuple[Sample, ...]:
    known = [(at, round(value)) for at, value in found if at is not None and value and value > 0]
    return tuple(sorted(known, reverse=True))


def _restores() -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Bytes a second, of people's restores and of restore tests alike; and of the former that ended
    elsewhere the milliseconds of everything else."""
    chosen = RestoreStep.objects.filter(restore=OuterRef("pk"), phase=Phase.CHOOSE)
    real = Restore.objects.filter(speed__gt=0, recovered_to__isnull=False).annotate(
        chosen_at=Subquery(chosen.values("at")[:1])
    )
    rows = list(real.order_by("-phase_at")[:NEWEST])
    besides = [(row.phase_at, _besides(row, row.chosen_at)) for row in rows]
    found = [(row.phase_at, row.speed) for row in rows if row.bytes >= LEAST]
    return _newest([*found, *_tests()]), _newest(besides)


def _besides(row: Restore, chosen_at: datetime | None) -> float | None:
    took = _ms(chosen_at, row.phase_at)
    if row.phase != Phase.DONE or row.in_place or took is None:
        return None
    return max(1.0, took - 1000 * row.bytes / (row.speed or 1))


def _tests() -> list[tuple[datetime | None, float | None]]:
    tests = Proof.objects.filter(state=ProofState.PASSED, seconds__gt=0, bytes__gte=LEAST)
    rows = tests.order_by("-ended_at").values_list("ended_at", "bytes", "seconds")[:NEWEST]
    return [(at, size / (seconds or 1)) for at, size, seconds in rows]


def _promotions() -> tuple[Sample, ...]:
    """Milliseconds from the proof of fencing to users who are led there."""
    rows = Failover.objects.filter(
        kind__in=[FailoverKind.FAILOVER, FailoverKind.SWITCHOVER],
        fenced_at__isnull=False,
        verified_at__gt=F("fenced_at"),
    )
    found = rows.order_by("-number").values_list("fenced_at", "verified_at")[:NEWEST]
    return _newest((end, _ms(began, end)) for began, end in found)


def _starts() -> tuple[Sample, ...]:
    """Milliseconds from a seat to its container's first answer."""
    rows = Placement.objects.filter(running_at__gt=F("planned_at")).order_by("-running_at")
    found = rows.values_list("planned_at", "running_at")[:STARTS]
    return _newest((end, _ms(began, end)) for began, end in found)


def _ms(began: datetime | None, end: datetime | None) -> float | None:
    return None if began is None or end is None else 1000 * (end - began).total_seconds()
