"""A run as its page shows it: its steps with all that was done, who is waited for, its promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.alarms.models import Alarm
from recovery.detection.queries import blind_reason
from recovery.drp import queries
from recovery.drp.actions.announcements import heading, prefix
from recovery.drp.facts import ENDED, Mode, RunState, StepState
from recovery.drp.models import Run
from recovery.drp.path import critical_path
from recovery.drp.planning.leaving import Leaving, leaving
from recovery.drp.planning.quoting import loses_nothing
from recovery.drp.queries.promises import lost_at
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.sights import RunSight
from recovery.drp.views.lines import takes_over
from recovery.drp.views.losses import Risk, losses_of, quoted_of, risk_of
from recovery.drp.views.promised import PromiseView, promises_of
from recovery.drp.views.steps import StepView, step_views
from recovery.drp.views.waiting import NextView, next_views, owing_views
from recovery.restores.screens import RestoreView

SHOWN = 20


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list."""

    number: int
    name: str
    mode: Mode
    state: RunState
    lost: str
    into: str
    runbook: str
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    @property
    def is_recovering(self) -> bool:
        """Of a loss, and not over: the one to look at."""
        return self.mode is Mode.DISASTER and not self.is_over


@dataclass(frozen=True, slots=True)
class ToldView:
    """That 50, 80 or 100 % of the time of something is over: told once, to whom it waits for."""

    at: datetime
    title: str
    said: str


@dataclass(frozen=True, slots=True)
class RunView:
    """`since`: when what it recovers was lost, or it began; `told`: whose time is over in part, the
    newest first; `hold`: why nothing of it begins now."""

    row: Run
    sight: RunSight
    title: str
    steps: tuple[StepView, ...]
    next: tuple[NextView, ...]
    since: datetime | None
    promises: tuple[PromiseView, ...]
    risk: Risk | None
    decision: int | None
    told: tuple[ToldView, ...] = ()
    hold: str = ""

    @property
    def restores(self) -> tuple[RestoreView, ...]:
        """Restores that it waits for."""
        return tuple(one for step in self.steps for one in step.restores)

    @property
    def unordered(self) -> int:
        """Databases whose turn it is, and of which nothing was ordered yet."""
        return sum(bool(item.waits) for step in self.steps for item in step.items)

    @property
    def mode(self) -> Mode:
        return self.sight.plan.mode

    @property
    def takes_over(self) -> str:
        """Where what is left goes."""
        return takes_over(self.sight.plan)

    @property
    def leaving(self) -> Leaving | None:
        return leaving(self.sight.plan)

    @property
    def loses_nothing(self) -> str:
        """Why, where its plan quotes nothing because there is nothing to quote."""
        return loses_nothing(self.sight.plan)

    @property
    def state(self) -> RunState:
        return self.sight.state

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    @property
    def done(self) -> int:
        return sum(step.state in {StepState.DONE, StepState.SKIPPED} for step in self.steps)

    @property
    def short(self) -> str:
        return short(self.row.digest)


def short(digest: str) -> str:
    """The digest's beginning, as people read it aloud."""
    return " ".join(digest[at : at + 4] for at in range(0, 16, 4))


def is_followed(row: Run) -> bool:
    """A newer run recovers the same datacenter for production."""
    real = Run.objects.filter(lost=row.lost, number__gt=row.number)
    return real.exclude(mode__in=[Mode.DRILL, Mode.SIMULATION]).exists()


def run_lines(*, lost: str = "") -> tuple[RunLine, ...]:
    """Those that go on, then the newest."""
    rows = Run.objects.select_related("runbook").defer("plan").order_by("-number")
    rows = rows.filter(lost=lost) if lost else rows
    going = list(rows.exclude(state__in=sorted(ENDED)))
    return tuple(_line(row) for row in (*going, *rows.filter(state__in=sorted(ENDED))[:SHOWN]))


def _line(row: Run) -> RunLine:
    return RunLine(
        number=row.number,
        name=str(row),
        mode=Mode(row.mode),
        state=RunState(row.state),
        lost=row.lost,
        into=row.into,
        runbook=str(row.runbook),
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        ended_at=row.ended_at,
    )


def find_run(number: int) -> Run | None:
    return Run.objects.select_related("runbook", "decision").filter(number=number).first()


def view_run(number: int, unwatched: str = "") -> RunView | None:
    """None where there is none. `TocsinError` where its plan is not the one that was prepared.
    `unwatched`: why no controller looks, if none does."""
    row = find_run(number)
    if row is None:
        return None
    book = reread_runbook(row.runbook.raw.encode(), f"{row.runbook.name}.yaml")
    sight = queries.run_sight(row)
    over = {name for name, step in sight.steps.items() if step.state in _OVER}
    chain, _ = critical_path(sight.plan, over)
    since = lost_at(row)
    return RunView(
        row=row,
        sight=sight,
        title=book.title,
        steps=step_views(row, sight, book, frozenset(chain)),
        next=owing_views(row) if sight.state in ENDED else next_views(row, sight),
        since=since,
        promises=promises_of(row, sight.plan, book, since),
        risk=risk_of(quoted_of(sight.plan.quotes, since), losses_of(row)),
        decision=row.decision.number if row.decision else None,
        told=_announced(row),
        hold="" if sight.state in ENDED else blind_reason() or unwatched,
    )


def _announced(row: Run) -> tuple[ToldView, ...]:
    rows = Alarm.objects.filter(key__startswith=prefix(row.pk)).order_by("-raised_at", "-pk")
    name = heading(row)
    return tuple(
        ToldView(one.raised_at, one.title.removeprefix(name), one.body) for one in rows[:SHOWN]
    )


_OVER = frozenset({StepState.DONE, StepState.SKIPPED})
