"""Runbooks as people see them: what is in force, what is proposed, what the lint saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recovery.drp.facts import RunState
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.queries.linting import findings_of
from recovery.drp.reports.models import ReportFinding, RunbookLook
from recovery.drp.runbooks.faults import BadRunbook
from recovery.drp.runbooks.lint import Finding
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.schema import Runbook
from recovery.drp.runbooks.states import RunbookState

SHOWN_RUNS = 10


@dataclass(frozen=True, slots=True)
class BookLine:
    """One runbook. `row`: the version in force, else the newest; `drafts`: those that are newer;
    `looked_at` None: the lint has not seen this version yet. `book` None: it cannot be read."""

    row: RunbookVersion
    book: Runbook | None
    drafts: tuple[RunbookVersion, ...]
    findings: tuple[Finding, ...]
    looked_at: datetime | None

    @property
    def proposed(self) -> tuple[int, ...]:
        return tuple(one.number for one in self.drafts)

    @property
    def is_active(self) -> bool:
        return self.row.state == RunbookState.ACTIVE

    @property
    def is_stale(self) -> bool:
        return any(one.is_stale for one in self.findings)

    @property
    def tone(self) -> str:
        if self.book is None:
            return "down"
        if self.is_active and self.looked_at is None:
            return "unknown"
        return "risk" if self.is_active and self.is_stale else ""


def book_lines() -> tuple[BookLine, ...]:
    """Each runbook once, by name: four statements, however many versions there are."""
    by_name: dict[str, list[RunbookVersion]] = {}
    for row in RunbookVersion.objects.order_by("name", "-number"):
        by_name.setdefault(row.name, []).append(row)
    looks = {look.name: look for look in RunbookLook.objects.all()}
    return tuple(_line(rows, looks.get(name)) for name, rows in by_name.items())


def _line(rows: list[RunbookVersion], look: RunbookLook | None) -> BookLine:
    active = next((row for row in rows if row.state == RunbookState.ACTIVE), None)
    row = active or rows[0]
    newer = [
        one
        for one in reversed(rows)
        if one.state == RunbookState.DRAFT and (active is None or one.number > active.number)
    ]
    seen = look if look is not None and look.number == row.number and row is active else None
    found = tuple(Finding(**one) for one in seen.findings) if seen else ()
    return BookLine(row, read(row), tuple(newer), found, seen.at if seen else None)


def read(row: RunbookVersion) -> Runbook | None:
    """None where what is kept cannot be read any more: the schema may have become stricter."""
    try:
        return reread_runbook(row.raw.encode(), f"{row.name}.yaml")
    except BadRunbook:
        return None


def look_now(row: RunbookVersion) -> tuple[Finding, ...] | None:
    """What the lint says this moment; None where it cannot be read."""
    return None if read(row) is None else findings_of(row)


def versions_of(name: str) -> list[RunbookVersion]:
    """The newest first."""
    return list(RunbookVersion.objects.filter(name=name).order_by("-number"))


def active_of(rows: Iterable[RunbookVersion]) -> RunbookVersion | None:
    return next((row for row in rows if row.state == RunbookState.ACTIVE), None)


def runs_of(name: str) -> list[Run]:
    """The newest of every version."""
    rows = Run.objects.filter(runbook__name=name).select_related("runbook")
    return list(rows.order_by("-number")[:SHOWN_RUNS])


def ended_runs() -> list[Run]:
    """The newest runs and drills that are over, with their reports."""
    ended = Run.objects.filter(state__in=[RunState.DONE, RunState.ABORTED])
    rows = ended.select_related("runbook").prefetch_related("reports", "findings")
    return list(rows.order_by("-number")[:SHOWN_RUNS])


def active_rows() -> list[RunbookVersion]:
    return list(RunbookVersion.objects.filter(state=RunbookState.ACTIVE).order_by("name"))


def open_findings() -> list[ReportFinding]:
    """Of all runs, those that are due first."""
    return list(ReportFinding.objects.filter(state="open").select_related("run").order_by("due"))
