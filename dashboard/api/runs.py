"""Runs of recovery plans through the API: the same acts as the pages. Saying yes takes a passkey,
and so a browser."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest
from ninja import Field, Router, Schema

from dashboard.acts import runs as acts
from dashboard.api.auth import caller
from dashboard.api.schemas import Done, Told, Why, Words
from dashboard.permissions import May
from dashboard.pulse import unwatched
from dashboard.screen import Screen
from recovery.core.errors import Conflict, Missing, Refused, no_such
from recovery.drp.facts import Mode
from recovery.drp.press import ON_STEP, Press
from recovery.drp.queries.runs import plan_of
from recovery.drp.views.answering import unanswered_of
from recovery.drp.views.runs import RunLine, RunView, run_lines, view_run
from recovery.drp.views.starts import find_book, preview
from recovery.drp.views.waiting import AskLine, open_asks

router = Router()


class RunOut(Schema):
    """One run in a list."""

    number: int
    name: str
    mode: str
    state: str
    lost: str
    into: str
    runbook: str
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None


class ItemOut(Schema):
    """One target with its newest act; `key` names the act."""

    name: str
    key: str
    state: str
    said: str
    began_at: datetime | None
    ended_at: datetime | None


class StepOut(Schema):
    """`ask`: the id of its open question."""

    id: str
    title: str
    state: str
    said: str
    ask: str
    missing: str
    is_critical: bool
    items: list[ItemOut]


class NextOut(Schema):
    """Who is waited for, and for what."""

    role: str
    people: list[str]
    says: str
    reason: str


class OneRunOut(Schema):
    """A whole run. `plan`: as its people saw it, `digest` of its canonical JSON (RFC 8785); `hold`:
    why nothing of it begins now: Tocsin does not see, and knows of no drift. `better`: copies that
    would lose less than what the plan chose; it stays as it is, and is planned anew."""

    number: int
    name: str
    mode: str
    state: str
    state_reason: str
    requested_by: str
    started_at: datetime | None
    ended_at: datetime | None
    decision: int | None
    digest: str
    plan: dict[str, Any]
    drift: list[str]
    better: list[str]
    hold: str
    waits_for: list[NextOut]
    steps: list[StepOut]


class PlanIn(Told):
    """Which runbook (its name, as it is in force), how, for what: `lost` is recovered in `into`,
    two datacenters by name. `origin`: the number of the run that is taken back, 0: of none; then
    `keep`: ids of the databases of which what their returned copies hold is kept, null: Tocsin
    proposes; `export`: of which it goes into a store first. Both name databases that go back, and
    nothing else. How long it takes is worked out, and nobody tells it."""

    runbook: Words = Field(min_length=1, max_length=40)
    mode: Mode
    lost: Words = Field(min_length=1, max_length=80)
    into: Words = Field(min_length=1, max_length=80)
    origin: int = Field(0, ge=0, le=10**9)
    keep: list[UUID] | None = Field(None, max_length=10_000)
    export: list[UUID] = Field([], max_length=10_000)


class PlanOut(Schema):
    """What it would do now. `digest`: of the whole plan; `seen`: of what has to stand still until
    it is prepared, a quarter for each part; `leaves`: databases that it leaves as they are,
    `leaving`: so in a sentence; `seconds`: all of it takes at most, along its longest chain of
    steps; `unanswered`: questions for which nobody is left, or too few, and what helps;
    `simulated`: of each step, whether it would work, and why."""

    digest: str
    seen: str
    plan: dict[str, Any]
    refusal: str
    stale: list[str]
    leaves: list[str]
    leaving: str
    seconds: int
    unanswered: list[str]
    simulated: dict[str, tuple[bool, str]]


class PrepareIn(PlanIn, Why):
    """`digest`: `seen` (or the digest) of the plan that was read; `override`: why although the
    runbook is stale; `leaves`: each database that it leaves as it is, to start it nevertheless."""

    digest: str = Field(min_length=64, max_length=64)
    override: Words = Field("", max_length=300)
    leaves: list[Words] = Field([], max_length=10_000)


class PressIn(Why):
    """`step` for what is pressed on one; `key`: of the act, `was_done`: how it ended; `typed`: the
    datacenter's name, to start what touches production. A reason may be as long as evidence."""

    reason: Words = Field(min_length=3, max_length=2000)
    step: Words = Field("", max_length=40)
    key: Words = Field("", max_length=240)
    was_done: bool = False
    typed: Words = ""


class AskOut(Schema):
    """A step that waits for somebody's yes. `people`: who may say it and has not; `unseen`: why
    nobody's yes would count now."""

    id: str
    run: int
    title: str
    mode: str
    asked_at: datetime
    expires_at: datetime
    requested_by: str
    people: list[str]
    unseen: str


class DenyIn(Why):
    """`digest`: of the plan that was read."""

    digest: str = Field(min_length=64, max_length=64)


@router.get("/runs", response=list[RunOut])
def runs(request: HttpRequest) -> list[RunLine]:
    """Those that go on, then the newest."""
    caller(request, May.VIEW)
    return list(run_lines())


@router.get("/runs/{number}", response=OneRunOut)
def run(request: HttpRequest, number: int) -> OneRunOut:
    caller(request, May.VIEW)
    found = view_run(number, unwatched())
    if found is None:
        raise no_such("DRP", number)
    return _run(found)


def _run(found: RunView) -> OneRunOut:
    row = found.row
    return OneRunOut(
        number=row.number,
        name=str(row),
        mode=row.mode,
        state=row.state,
        state_reason=row.state_reason,
        requested_by=row.requested_by,
        started_at=row.started_at,
        ended_at=row.ended_at,
        decision=found.decision,
        digest=row.digest,
        plan=msgspec.to_builtins(found.sight.plan),
        drift=list(found.sight.drift),
        better=[one.said for one in found.sight.better],
        hold=found.hold,
        waits_for=[
            NextOut(role=one.who, people=list(one.people), says=one.says, reason=one.reason)
            for one in found.next
        ],
        steps=[
            StepOut(
                id=step.line.id,
                title=step.line.title,
                state=step.state,
                said=step.said,
                ask=step.ask,
                missing=step.missing,
                is_critical=step.is_critical,
                items=[ItemOut.from_orm(item) for item in step.items],
            )
            for step in found.steps
        ],
    )


@router.post("/plan", response=PlanOut)
def plan(request: HttpRequest, told: PlanIn) -> PlanOut:
    """Nothing is kept of it."""
    who = caller(request, May.RUN)
    start = _start(request, told)
    book = find_book(told.runbook)
    if book is None:
        raise Missing(f"No runbook {told.runbook} is in force.", field="runbook")
    seen = preview(book, start.wish, who.actor.id)
    return PlanOut(
        digest=seen.digest,
        seen=seen.seen,
        plan=msgspec.to_builtins(seen.plan),
        refusal=seen.refusal,
        stale=[one.said for one in seen.stale],
        leaves=list(seen.leaving.asked) if seen.leaving else [],
        leaving=seen.leaving.said if seen.leaving else "",
        seconds=seen.seconds,
        unanswered=[str(one) for one in seen.unanswered],
        simulated={step.line.id: (step.works, step.said) for step in seen.steps},
    )


@router.post("/runs", response=Done)
def prepare(request: HttpRequest, told: PrepareIn) -> dict[str, str]:
    who = caller(request, May.RUN)
    row = acts.prepare(
        _start(request, told),
        seen=told.digest,
        override=told.override,
        leaves=told.leaves,
        actor=who.actor,
        reason=told.reason,
    )
    lonely = " ".join(str(one) for one in unanswered_of(plan_of(row)))
    return {"said": f"{row} is prepared. Nothing of it has begun. {lonely}".strip()}


def _start(request: HttpRequest, told: PlanIn) -> acts.Start:
    role = caller(request, May.RUN).role
    assert role is not None, "who may run has a role"
    screen = Screen(role)
    if told.lost not in screen.recovery.sites:
        raise Missing(f"There is no datacenter {told.lost}.", field="lost")
    said = screen.brief(told.lost).sentence
    keep = frozenset(map(str, told.keep)) if told.keep is not None else None
    export = frozenset(map(str, told.export))
    start = acts.Start(
        told.runbook, told.mode, told.lost, told.into, said, told.origin, keep, export
    )
    acts.check_decided(start)
    return start


@router.post("/runs/{number}/{verb}", response=Done)
def press(request: HttpRequest, number: int, verb: Press, told: PressIn) -> dict[str, str]:
    who = caller(request, May.RUN)
    row = acts.find(number)
    real = row.mode in {Mode.PLANNED, Mode.DISASTER}
    if verb is Press.START and real and told.typed != row.lost:
        raise Refused(f"This is not {row.lost}; nothing was done.", field="typed")
    if (verb in ON_STEP) != bool(told.step):
        raise Refused(f"To {verb} names {'a' if verb in ON_STEP else 'no'} step.", field="step")
    said = acts.press(
        number,
        verb,
        step=told.step,
        key=told.key,
        was_done=told.was_done,
        actor=who.actor,
        reason=told.reason,
    )
    return {"said": said}


@router.get("/questions", response=list[AskOut])
def questions(request: HttpRequest) -> list[AskLine]:
    """Steps that wait for somebody's yes, the oldest first."""
    caller(request, May.VIEW)
    return list(open_asks(unwatched()))


@router.post("/questions/{ask}/deny", response=Done)
def deny(request: HttpRequest, ask: UUID, told: DenyIn) -> dict[str, str]:
    """A no, with its reason: the run pauses."""
    who = caller(request, May.ANSWER)
    page = acts.find_ask(ask, who.actor.id)
    if told.digest != page.run.digest:
        raise Conflict("It is of another plan than the one that you read.", field="digest")
    return {"said": acts.deny(page, actor=who.actor, reason=told.reason)}
