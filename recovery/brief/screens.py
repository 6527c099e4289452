"""Decisions and words as people see them; a brief itself is shown as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.brief.facts import Cause
from recovery.brief.models import Decision, ProviderWord
from recovery.inventory.models import Datacenter

SHOWN = 12
CAUSES = {
    Cause.UNSAID: "it did not say what it is",
    Cause.GONE: "it is gone or without power",
    Cause.CUT: "it lives and cannot be reached",
}


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision; what was shown with it is in `shown` where it was asked for."""

    id: str
    number: int
    datacenter: str
    incident: int | None
    choice: str
    until: datetime | None
    reason: str
    by: str
    at: datetime
    digest: str
    shown: str = ""

    @property
    def name(self) -> str:
        return f"DEC-{self.number:04d}"

    @property
    def short(self) -> str:
        """The digest's beginning, as people read it aloud."""
        return " ".join(self.digest[at : at + 4] for at in range(0, 16, 4))


@dataclass(frozen=True, slots=True)
class WordView:
    """What a provider said."""

    said: str
    cause: str
    source: str
    said_at: datetime
    until: datetime | None
    by: str
    at: datetime


def decisions_of(site: str) -> tuple[DecisionView, ...]:
    """The newest first."""
    rows = Decision.objects.filter(datacenter__name=site).defer("shown")
    wanted = rows.select_related("datacenter", "incident")[:SHOWN]
    return tuple(_decision(row, "") for row in wanted)


def find_decision(number: int) -> DecisionView | None:
    """With what was shown."""
    rows = Decision.objects.filter(number=number).select_related("datacenter", "incident")
    row = rows.first()
    return _decision(row, row.shown) if row else None


def _decision(row: Decision, shown: str) -> DecisionView:
    return DecisionView(
        id=str(row.pk),
        number=row.number,
        datacenter=row.datacenter.name,
        incident=row.incident.number if row.incident else None,
        choice=row.choice,
        until=row.until,
        reason=row.reason,
        by=row.by,
        at=row.at,
        digest=row.digest,
        shown=shown,
    )


def words_of(site: str) -> tuple[WordView, ...]:
    """The newest first."""
    rows = ProviderWord.objects.filter(datacenter__name=site)[:SHOWN]
    return tuple(
        WordView(
            row.said, CAUSES[Cause(row.cause)], row.source, row.said_at, row.until, row.by, row.at
        )
        for row in rows
    )


def site_names() -> tuple[str, ...]:
    return tuple(Datacenter.objects.order_by("position", "name").values_list("name", flat=True))
