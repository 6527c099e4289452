"""A run as its page shows it: its steps with all that was done, who is waited for, its promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.dateparse import parse_datetime

from recovery.alarms.models import Alarm
from recovery.detection.queries import blind_reason
from recovery.drp import queries
from recovery.drp.actions.announcements import heading, prefix
from recovery.drp.facts import ENDED, ActState, Kind, Mode, RunState, StepState
from recovery.drp.models import Act, Run, RunStep
from recovery.drp.path import critical_path
from recovery.drp.plan import Quote, Target
from recovery.drp.planning.leaving import Leaving, leaving
from recovery.drp.proven import unproven_word
from recovery.drp.queries.promises import lost_at
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.schema import Runbook
from recovery.drp.runbooks.shown import StepLine
from recovery.drp.sights import RunSight, StepSight
from recovery.drp.views.fenced import with_fence
from recovery.drp.views.lines import named_lines
from recovery.drp.views.losses import LossLine, Risk, losses_of, risk_of
from recovery.drp.views.waiting import NextView, next_views
from recovery.drp.views.whys import whys
from recovery.restores import screens as restoring
from recovery.restores.screens import ProgressView

SHOWN = 20
TONES = {
    StepState.FAILED: "down",
    StepState.SKIPPED: "risk",
    StepState.ASKING: "",
    StepState.PENDING: "",
    StepState.BEGUN: "",
    StepState.DONE: "",
}
WORDS = {
    StepState.PENDING: "to come",
    StepState.ASKING: "waits for a yes",
    StepState.BEGUN: "under way",
    StepState.DONE: "done",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class ItemView:
    """One target of a step, with its newest act. `state` empty: it has not had its turn."""

    name: str
    type: str
    key: str
    state: str
    said: str
    began_at: datetime | None
    ended_at: datetime | None
    tries: int
    by_word: str
    progress: ProgressView | None

    @property
    def tone(self) -> str:
        return {"failed": "down", "unknown": "unknown"}.get(self.state, "")


@dataclass(frozen=True, slots=True)
class WaveView:
    number: int
    items: tuple[ItemView, ...]

    @property
    def done(self) -> int:
        return sum(one.state == ActState.DONE for one in self.items)


@dataclass(frozen=True, slots=True)
class StepView:
    """`line`: as the runbook says it; `ask`: the id of its open question; `why`: what it waits for
    that is not so yet."""

    line: StepLine
    kind: Kind
    state: StepState
    state_at: datetime
    said: str
    round: int
    owner: str
    waves: tuple[WaveView, ...]
    ask: str
    missing: str
    is_critical: bool
    is_own: bool
    why: str = ""

    @property
    def tone(self) -> str:
        if self.unknown:
            return "unknown"
        return "risk" if self.unproven else TONES[self.state]

    @property
    def word(self) -> str:
        if self.unknown:
            return "nobody knows how it ended"
        return self.unproven or WORDS[self.state]

    @property
    def unproven(self) -> str:
        """A fence that is done, and not proven."""
        by_word = any(one.by_word for one in self.items)
        return unproven_word(self.kind, self.state, self.said, by_word=by_word)

    @property
    def items(self) -> tuple[ItemView, ...]:
        return tuple(item for wave in self.waves for item in wave.items)

    @property
    def unknown(self) -> tuple[ItemView, ...]:
        return tuple(one for one in self.items if one.state == ActState.UNKNOWN)

    @property
    def done(self) -> int:
        return sum(one.state == ActState.DONE for one in self.items)

    @property
    def percent(self) -> int:
        return self.done * 100 // len(self.items) if self.items else 0

    @property
    def has_items(self) -> bool:
        """Something else than the step itself is its target."""
        return bool(self.items) and not self.is_own


@dataclass(frozen=True, slots=True)
class PromiseView:
    """What the plan promises for one kind of service; `due`: until when it has to be back."""

    name: str
    rto: timedelta
    rpo: timedelta
    due: datetime | None
    is_kept: bool | None


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
    def mode(self) -> Mode:
        return self.sight.plan.mode

    @property
    def leaving(self) -> Leaving | None:
        return leaving(self.sight.plan)

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


def view_run(number: int) -> RunView | None:
    """None where there is none. `TocsinError` where its plan is not the one that was prepared."""
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
        steps=_steps(row, sight, book, frozenset(chain)),
        next=next_views(row, sight),
        since=since,
        promises=_promises(row, book, since),
        risk=risk_of(losses_of(row) or _quoted(sight.plan.quotes, since)),
        decision=row.decision.number if row.decision else None,
        told=_announced(row),
        hold="" if sight.state in ENDED else blind_reason(),
    )


def _announced(row: Run) -> tuple[ToldView, ...]:
    rows = Alarm.objects.filter(key__startswith=prefix(row.pk)).order_by("-raised_at", "-pk")
    name = heading(row)
    return tuple(
        ToldView(one.raised_at, one.title.removeprefix(name), one.body) for one in rows[:SHOWN]
    )


_OVER = frozenset({StepState.DONE, StepState.SKIPPED})


def _promises(row: Run, book: Runbook, since: datetime | None) -> tuple[PromiseView, ...]:
    found = []
    for one in book.plan.services:
        rto, rpo = timedelta(seconds=one.rto), timedelta(seconds=one.rpo)
        due = since + rto if since else None
        kept = row.ended_at <= due if row.ended_at and due else None
        found.append(PromiseView(one.name, rto, rpo, due, kept))
    return tuple(found)


def _quoted(quotes: Sequence[Quote], since: datetime | None) -> tuple[LossLine, ...]:
    """Without a decision: what the plan quoted, before what was lost when."""
    known = [(quote, parse_datetime(quote.moment)) for quote in quotes]
    return tuple(
        LossLine(quote.name, _lost(quote, at, since), is_all=False, at=at, source=quote.source)
        for quote, at in known
        if since and (at or quote.way == "promote")
    )


def _lost(quote: Quote, at: datetime | None, since: datetime | None) -> timedelta | None:
    if quote.way == "promote":
        return None if quote.lost_ms is None else timedelta(milliseconds=quote.lost_ms)
    return max(since - at, timedelta(0)) if since and at else None


def _steps(
    row: Run, sight: RunSight, book: Runbook, critical: frozenset[str]
) -> tuple[StepView, ...]:
    rows = {step.name: step for step in row.steps.all()}
    acts: dict[str, dict[str, list[Act]]] = {}
    for act in Act.objects.filter(step__run=row).select_related("step").order_by("number"):
        acts.setdefault(act.step.name, {}).setdefault(act.target, []).append(act)
    why = whys(row, sight)
    going = {one.database: one.progress for one in restoring.restores() if one.is_running}
    return tuple(
        _step(
            line,
            rows[line.id],
            sight.steps[line.id],
            _waves(sight.steps[line.id], acts.get(line.id, {}), going),
            is_critical=line.id in critical,
            why=why.get(line.id, ""),
        )
        for line in named_lines(book, sight.plan)
    )


def _waves(
    sight: StepSight, acts: Mapping[str, list[Act]], going: Mapping[str, ProgressView | None]
) -> tuple[WaveView, ...]:
    return tuple(
        WaveView(number, tuple(_item(one, acts.get(one.key, []), going) for one in wave))
        for number, wave in enumerate(sight.planned.waves, start=1)
    )


def _step(
    line: StepLine,
    row: RunStep,
    sight: StepSight,
    waves: tuple[WaveView, ...],
    *,
    is_critical: bool,
    why: str,
) -> StepView:
    return StepView(
        line=line,
        kind=sight.planned.kind,
        state=sight.state,
        state_at=row.state_at,
        said=with_fence(row),
        round=row.round,
        owner=sight.planned.owner,
        waves=waves,
        ask=sight.ask.id if sight.ask else "",
        missing=sight.ask.weighed.missing if sight.ask else "",
        is_critical=is_critical,
        why=why,
        is_own=all(one.type == "tocsin" for wave in sight.planned.waves for one in wave),
    )


def _item(
    target: Target, acts: Sequence[Act], going: Mapping[str, ProgressView | None]
) -> ItemView:
    last = acts[-1] if acts else None
    is_going = last is not None and last.state == ActState.INTENDED and target.type == "database"
    return ItemView(
        name=target.name,
        type=target.type,
        key=last.key if last else "",
        state=last.state if last else "",
        said=last.said if last else "",
        began_at=last.intended_at if last else None,
        ended_at=last.ended_at if last else None,
        tries=len(acts),
        by_word=last.by_word if last else "",
        progress=going.get(target.name) if is_going else None,
    )
