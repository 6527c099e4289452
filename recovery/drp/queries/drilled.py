"""What a drill began, and what is proven of its end: rows → facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Max, Q
from django.db.models.functions import Greatest

from recovery.backups.facts import LoanState
from recovery.backups.models import Loan
from recovery.drp.drills.facts import ThingState, twin
from recovery.drp.drills.models import DrillHost, DrillThing
from recovery.drp.drills.queries import loans_of, things_of, unseen
from recovery.drp.facts import ENDED, Mode
from recovery.drp.models import Run
from recovery.drp.reports.facts import DrillFacts, TargetFact, ThingFact
from recovery.drp.runbooks.covers import Covers
from recovery.inventory.facts import Plan as DatabasePlan
from recovery.inventory.models import Application, Database


def drill_facts(run: Run) -> DrillFacts | None:
    """None of what is no drill."""
    if run.mode != Mode.DRILL:
        return None
    things = things_of(run.pk)
    loans = {loan.borrower: loan for loan in loans_of([row.pk for row in things])}
    why = {row.pk: reason for row, reason in unseen()}
    lent = [_loan(loans[row.pk], row) for row in things if row.pk in loans]
    return DrillFacts(
        hosts=tuple(DrillHost.objects.values_list("name", flat=True)),
        things=tuple(_thing(row, why.get(row.pk, "")) for row in things) + tuple(lent),
    )


def _thing(row: DrillThing, why: str) -> ThingFact:
    told: dict[str, Any] = row.result
    return ThingFact(
        key=f"{row.kind}:{row.target}",
        kind=row.kind,
        name=row.name,
        target=row.target_name,
        host=row.host.name,
        state=row.state,
        said=row.said,
        begun_at=row.begun_at,
        stood_at=row.stood_at,
        removed_at=row.removed_at,
        gone_at=row.gone_at,
        gone_said=row.gone_said,
        unproven=why,
        size=told.get("size"),
        seconds=told.get("seconds"),
        speed=told.get("speed"),
        recoverable_to=_instant(told.get("moment")),
        canary=_instant(told.get("canary")),
    )


def _loan(loan: Loan, row: DrillThing) -> ThingFact:
    """A volume of a provider's snapshot: its own provider says that it has it no more."""
    is_gone = loan.state == LoanState.GONE
    return ThingFact(
        key="",
        kind="volume",
        name=f"{loan.volume or 'volume'} of {loan.snapshot}",
        target=row.target_name,
        host="the provider",
        state=ThingState.GONE if is_gone else row.state,
        said=loan.said,
        begun_at=loan.asked_at,
        stood_at=None,
        removed_at=row.removed_at,
        gone_at=loan.ended_at if is_gone else None,
        gone_said="The provider has nothing of it any more." if is_gone else "",
        unproven="" if is_gone or row.removed_at is None else "The provider still has it.",
    )


def _instant(milliseconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def is_proven(run: Run) -> bool:
    """Nothing that it began waits for its proof: it has it, or its host was retired."""
    rows = DrillThing.objects.filter(run=run, host__retired_at=None)
    return not rows.exclude(state=ThingState.GONE).exists()


def outdated_reports() -> list[Run]:
    """Drills whose newest report was made before all that they began was seen gone, or it was known
    that nobody will."""
    rows = Run.objects.filter(mode=Mode.DRILL, state__in=sorted(ENDED))
    lost = Max("things__host__retired_at", filter=~Q(things__state=ThingState.GONE))
    last = Greatest(Max("things__gone_at"), lost)
    seen = rows.annotate(made=Max("reports__made_at"), last=last)
    late = seen.filter(last__gt=F("made")).select_related("runbook").order_by("number")
    return [run for run in late if is_proven(run)]


def with_covers(targets: Sequence[TargetFact]) -> tuple[TargetFact, ...]:
    """Of a drill's targets: which promise those in production have whose twins they are."""
    plans = Database.objects.values_list("pk", "plan")
    covers = {
        f"database:{twin(str(pk))}": Covers.BUSINESS_DATABASES
        if plan == DatabasePlan.BUSINESS
        else Covers.STARTER_DATABASES
        for pk, plan in plans
    }
    copies = Application.objects.values_list("pk", "copies")
    covers |= {
        f"application:{twin(str(pk))}": Covers.APPLICATIONS_OF_MORE
        if n > 1
        else Covers.APPLICATIONS_OF_ONE
        for pk, n in copies
    }
    return tuple(replace(one, covers=covers.get(one.key)) for one in targets)
