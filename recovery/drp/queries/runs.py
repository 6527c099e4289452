"""A run as the facts that decide over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from recovery.core.errors import TocsinError
from recovery.drp.approvals.facts import AskState
from recovery.drp.approvals.rules import weigh
from recovery.drp.facts import ENDED, ActState, Kind, Mode, RunState, StepState
from recovery.drp.failback import Back
from recovery.drp.models import Act, Ask, Run, RunStep
from recovery.drp.plan import EXPORT, KEEP, Plan, PlannedStep
from recovery.drp.planning.bettering import Better, better
from recovery.drp.planning.drift import drift
from recovery.drp.planning.inventory import Inventory, Wish
from recovery.drp.planning.resolve import resolve
from recovery.drp.queries.approvals import (
    plan_of,
    pulse_of,
    question_of,
    refuse_authority,
    said_to,
    word_of,
)
from recovery.drp.queries.failback import back_of
from recovery.drp.queries.inventory import inventory, production_keys
from recovery.drp.queries.once import once
from recovery.drp.queries.people import database_now, people_of
from recovery.drp.queries.promoted import has_begun, promoted_epochs
from recovery.drp.queries.seeing import refuse_into
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.states import RunbookState
from recovery.drp.sights import ActSight, AskSight, RunSight, StepSight

__all__ = [
    "compare",
    "load_run",
    "open_question",
    "plan_of",
    "pulse_of",
    "question_of",
    "refuse_authority",
    "run_sight",
    "unended_runs",
    "word_of",
]

OVER = frozenset({StepState.DONE, StepState.SKIPPED})


def load_run(pk: UUID) -> Run:
    """With its runbook."""
    return Run.objects.select_related("runbook").get(pk=pk)


def unended_runs() -> list[Run]:
    """Those that the cycle carries on."""
    states = sorted({RunState.RUNNING, RunState.PAUSED, RunState.ABORTING})
    return list(Run.objects.filter(state__in=states).select_related("runbook").order_by("number"))


def run_sight(run: Run, *, hold: str = "") -> RunSight:
    """As of now, by the database's clock; without gates, which are looked at elsewhere."""
    plan, now = plan_of(run), database_now()
    acts: dict[UUID, list[Act]] = {}
    for act in Act.objects.filter(step__run=run).order_by("number"):
        acts.setdefault(act.step_id, []).append(act)
    rows = {row.name: row for row in run.steps.all()}
    steps = {
        step.id: _step(step, rows[step.id], acts.get(rows[step.id].pk, []), now)
        for step in plan.steps
    }
    asking = [row for row in rows.values() if row.state == StepState.ASKING]
    steps |= _with_asks(run, plan, steps, asking, now)
    steps |= {
        row.name: replace(steps[row.name], unauthorised=refuse_authority(run, row))
        for row in rows.values()
        if row.state == StepState.BEGUN
    }
    is_over = run.state in ENDED
    seen = Compared() if is_over else compare(run, plan, steps)
    return RunSight(
        id=str(run.pk),
        plan=plan,
        digest=run.digest,
        state=RunState(run.state),
        steps=steps,
        drift=seen.drift,
        moved=seen.moved,
        better=seen.better,
        hold=hold,
        started_by=run.started_by,
        production=production_keys() if plan.mode is Mode.DRILL else frozenset(),
    )


def _step(planned: PlannedStep, row: RunStep, acts: Sequence[Act], now: datetime) -> StepSight:
    ended = [act.ended_at for act in acts if act.ended_at is not None]
    return StepSight(
        planned=planned,
        state=StepState(row.state),
        round=row.round,
        acts=tuple(
            ActSight(
                key=act.key,
                target=act.target,
                number=act.number,
                round=act.round,
                state=ActState(act.state),
                age=(now - act.intended_at).total_seconds(),
                said=act.said,
                by_word=bool(act.by_word),
            )
            for act in acts
        ),
        quiet=(now - max(ended)).total_seconds() if ended else 0.0,
        said=row.said,
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """What was shown beside what is so now. `drift`: what is no longer as it was, `moved`: with
    what is on its way by our own hand; `better`: copies that would lose less, and that came back
    since."""

    drift: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    better: tuple[Better, ...] = ()


def compare(run: Run, plan: Plan, steps: Mapping[str, StepSight]) -> Compared:
    """What cannot be resolved any more has drifted, too, and what goes where nobody is left."""
    if run.state == RunState.PREPARED and run.runbook.state == RunbookState.RETIRED:
        said = (f"{run.runbook} is retired: a newer version is in force.",)
        return Compared(said, said)
    try:
        fresh, there = _fresh(run, plan)
    except TocsinError as error:
        return Compared((str(error),), (str(error),))
    ours = {**_touched(run, plan), **promoted_epochs(run)}
    ended = {name for name, step in steps.items() if step.state in OVER}
    acts = [act for step in steps.values() for act in step.acts]
    untold = [act for act in acts if act.state in {ActState.INTENDED, ActState.UNKNOWN}]
    busy = {act.target for act in untold}
    begun = {act.target for act in untold if plan.mode is Mode.PLANNED and has_begun(act.key)}
    gone = tuple(one for one in (refuse_into(plan),) if one)
    moved = (*drift(plan, fresh, ours=ours, ended=ended, busy=begun), *gone)
    drifted = moved
    if busy != begun:
        drifted = (*drift(plan, fresh, ours=ours, ended=ended, busy=busy), *gone)
    return Compared(drifted, moved, better(plan, fresh, there, ended=ended, ours={*ours, *busy}))


def _fresh(run: Run, plan: Plan) -> tuple[Plan, Inventory]:
    """The same, planned by what is so now."""
    runbook = reread_runbook(run.runbook.raw.encode(), f"{run.runbook.name}.yaml")
    wish = Wish(
        plan.mode,
        run.lost,
        run.into,
        plan.situation,
        requester=run.requested_by,
        last_editor=run.runbook.written_by,
        back=_back(plan),
    )
    there = inventory("drill" if plan.mode is Mode.DRILL else "production")
    return resolve(runbook, run.runbook.digest, wish, there), there


def _touched(run: Run, plan: Plan) -> dict[str, int]:
    """The epochs to which its acts brought targets. Somebody's word that copies are kept moved
    nothing: what becomes of those by another hand is drift as before."""
    keeps = [step.id for step in plan.steps if step.kind is Kind.KEEP_COPIES]
    done = Act.objects.filter(step__run=run, state=ActState.DONE)
    ours = done.exclude(step__name__in=keeps, by_word__gt="")
    return {act.target: act.epoch for act in ours.order_by("ended_at")}


def _back(plan: Plan) -> Back | None:
    """What it takes back, as it is now; what is kept was decided with the plan."""
    if not plan.origin:
        return None
    chosen = {
        choice: frozenset(move.target.id for move in plan.moves if move.choice == choice)
        for choice in (KEEP, EXPORT)
    }
    keep, export = chosen[KEEP], chosen[EXPORT]
    way = (plan.origin, plan.lost.name, plan.into.name)
    return once(
        ("back", *way, keep, export),
        lambda: back_of(way[0], out_of=way[1], into=way[2], keep=keep, export=export),
    )


# ---------------------------------------------------------------------- approvals


def _with_asks(
    run: Run,
    plan: Plan,
    steps: Mapping[str, StepSight],
    asking: Sequence[RunStep],
    now: datetime,
) -> Mapping[str, StepSight]:
    if not asking:
        return {}
    people, seconds = people_of(), pulse_of(run)
    found = {}
    for row in asking:
        ask = open_question(row)
        if ask is None:
            continue
        question = question_of(run, plan, row, ask)
        said = said_to(question, ask, people, now=now, pulse=seconds)
        age = max((now - ask.asked_at).total_seconds(), seconds - ask.pulse)
        found[row.name] = AskSight(str(ask.pk), age, weigh(question, said))
    return {name: replace(steps[name], ask=sight) for name, sight in found.items()}


def open_question(row: RunStep) -> Ask | None:
    """That of its present round."""
    return row.asks.filter(state=AskState.OPEN, round=row.round).first()
