"""What a runbook would do now: its plan, what a simulation says of each step, what is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from recovery.brief.facts import Choice
from recovery.brief.models import Decision
from recovery.drp import queries
from recovery.drp.drills.world import drill_world
from recovery.drp.expecting import Expected, expected
from recovery.drp.facts import Mode
from recovery.drp.failback import Back
from recovery.drp.glance import seen_of
from recovery.drp.looking import Unfit
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.path import critical_path
from recovery.drp.plan import LeftOut, Plan, PlannedStep, digest
from recovery.drp.planning.answering import Unanswered
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.leaving import Leaving, by_hand, leaving
from recovery.drp.planning.quoting import loses_nothing
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.planning.resolve import resolve
from recovery.drp.queries.failback import returnable_runs, ways_back
from recovery.drp.queries.linting import findings_of
from recovery.drp.queries.seeing import refuse_into
from recovery.drp.queries.world import world_for
from recovery.drp.runbooks.kinds import Condition
from recovery.drp.runbooks.lint import Finding
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.shown import StepLine
from recovery.drp.runbooks.states import RunbookState
from recovery.drp.views.answering import unanswered_of
from recovery.drp.views.asks import QuoteLine, quote_line
from recovery.drp.views.lines import named_lines, takes_over
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Host

OFFERED = 8
"""Runs that are looked through for a way back."""


@dataclass(frozen=True, slots=True)
class BookLine:
    """A runbook that is in force."""

    id: str
    name: str
    title: str
    modes: tuple[Mode, ...]
    scenario: str


@dataclass(frozen=True, slots=True)
class StartStep:
    """`works`, `said`: what a simulation finds."""

    line: StepLine
    planned: PlannedStep
    works: bool
    said: str

    @property
    def count(self) -> int:
        return sum(one.type != "tocsin" for wave in self.planned.waves for one in wave)


@dataclass(frozen=True, slots=True)
class Preview:
    """`seconds`: at most, along its longest chain; `refusal`: why nobody could carry it out;
    `stale`: what takes an override; `unfit`: what it takes and no host elsewhere does;
    `unanswered`: its questions for which too few people are left."""

    plan: Plan
    digest: str
    title: str
    steps: tuple[StartStep, ...]
    seconds: int
    refusal: str
    stale: tuple[Finding, ...]
    unfit: tuple[Unfit, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()

    @property
    def quotes(self) -> tuple[QuoteLine, ...]:
        return tuple(quote_line(one) for one in self.plan.quotes)

    @property
    def loses_nothing(self) -> str:
        """Why, where it quotes nothing because there is nothing to quote."""
        if self.plan.mode in {Mode.DRILL, Mode.SIMULATION}:
            return f"A {self.plan.mode} loses nothing: production is not touched"
        return loses_nothing(self.plan).removesuffix(".")

    @property
    def takes_over(self) -> str:
        """Where what is left goes."""
        return takes_over(self.plan)

    @property
    def leaving(self) -> Leaving | None:
        return leaving(self.plan)

    @property
    def by_hand(self) -> tuple[str, ...]:
        return by_hand(self.plan)

    @property
    def seen(self) -> str:
        """What is handed back when it is prepared."""
        return seen_of(self.plan)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return self.plan.left_out

    @property
    def hindered(self) -> int:
        return sum(not step.works for step in self.steps)


def books() -> tuple[BookLine, ...]:
    """In force now, by name."""
    rows = RunbookVersion.objects.filter(state=RunbookState.ACTIVE).order_by("name")
    found = [(row, reread_runbook(row.raw.encode(), f"{row.name}.yaml")) for row in rows]
    return tuple(
        BookLine(str(row.pk), str(row), book.title, book.modes, book.scenario)
        for row, book in found
    )


NO_RUN = UUID(int=0)
"""Nothing stands of it yet."""


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """A way back that is offered: what run `name` moved out of `into` and is in `lost` now.
    `heard`: hosts of `into` that answer, of `hosts`, behind a fence or not."""

    number: int
    name: str
    mode: Mode
    lost: str
    into: str
    ended_at: datetime | None
    databases: int
    applications: int
    heard: int
    hosts: int

    @property
    def is_back(self) -> bool:
        return 0 < self.hosts == self.heard

    @property
    def href(self) -> str:
        """Where it is planned."""
        wish = {"runbook": "return", "mode": Mode.PLANNED, "lost": self.lost, "into": self.into}
        return f"/recovery/start/?{urlencode(wish | {'origin': self.number})}"


def returns() -> tuple[ReturnLine, ...]:
    """Of the newest runs that are over, what goes back now, from wherever it is."""
    return tuple(
        _return(run, site, back)
        for run in returnable_runs()[:OFFERED]
        for site, back in ways_back(run)
    )


def _return(run: Run, site: str, back: Back) -> ReturnLine:
    kinds = [move.target.type for move in back.moves]
    hosts = Host.objects.filter(datacenter__name=run.lost)
    return ReturnLine(
        number=run.number,
        name=str(run),
        mode=Mode(run.mode),
        lost=site,
        into=run.lost,
        ended_at=run.ended_at,
        databases=kinds.count("database"),
        applications=kinds.count("application"),
        heard=hosts.filter(verdict=Verdict.ALIVE).count(),
        hosts=hosts.count(),
    )


def find_book(name: str) -> RunbookVersion | None:
    """The version of this name that is in force."""
    return RunbookVersion.objects.filter(state=RunbookState.ACTIVE, name=name).first()


def decision_for(lost: str) -> Decision | None:
    """The newest about this datacenter, where it is to recover it."""
    row = Decision.objects.filter(datacenter__name=lost).order_by("-number").first()
    return row if row is not None and row.choice == Choice.ACTIVATE else None


def refuse_undecided(mode: Mode, lost: str, decision: Decision | None) -> str:
    """A disaster is declared by a person, on what they were shown (D1)."""
    if mode is Mode.DISASTER and decision is None:
        return f"Nobody has decided to recover {lost}: activate or wait comes first."
    return ""


def preview(row: RunbookVersion, wish: Wish, requester: str) -> Preview:
    """`TocsinError` where it is no plan for this. Who asks is part of it: they never approve it."""
    book = reread_runbook(row.raw.encode(), f"{row.name}.yaml")
    there = queries.inventory("drill" if wish.mode is Mode.DRILL else "production")
    asked = replace(wish, requester=requester, last_editor=row.written_by)
    plan = resolve(book, row.digest, asked, there)
    is_drill = plan.mode is Mode.DRILL
    looked = drill_world(NO_RUN, plan) if is_drill else world_for(tuple(Condition), plan)
    found = expected(plan, looked)
    is_real = wish.mode not in {Mode.SIMULATION, Mode.DRILL}
    return Preview(
        plan=plan,
        digest=digest(plan),
        title=book.title,
        steps=tuple(_step(line, plan, found[line.id]) for line in named_lines(book, plan)),
        seconds=critical_path(plan)[1],
        refusal=refuse_plan(plan) or refuse_into(plan),
        stale=tuple(one for one in findings_of(row) if one.is_stale) if is_real else (),
        unfit=looked.unfit,
        unanswered=unanswered_of(plan),
    )


def _step(line: StepLine, plan: Plan, found: Expected) -> StartStep:
    return StartStep(line, plan.step(line.id), *found)
