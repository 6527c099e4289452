"""A run as the facts that decide over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.core import incarnations
from recovery.core.consent import Word
from recovery.core.errors import TocsinError
from recovery.drp.approvals.facts import AskState, Question, Rule, Said
from recovery.drp.approvals.proofs import pins, unproven
from recovery.drp.approvals.rules import weigh
from recovery.drp.decide import need_of
from recovery.drp.drift import drift
from recovery.drp.facts import ENDED, ActState, Factor, Mode, RunState, StepState
from recovery.drp.models import Act, Approval, ApprovalUse, Ask, BreakGlass, Run, RunPulse, RunStep
from recovery.drp.plan import Need, Plan, PlannedStep, read_plan
from recovery.drp.queries.inventory import inventory, production_keys
from recovery.drp.queries.ours import ours
from recovery.drp.queries.people import People, database_now, people_of
from recovery.drp.resolve import Wish, resolve
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.states import RunbookState
from recovery.drp.sights import ActSight, AskSight, RunSight, StepSight


def load_run(pk: UUID) -> Run:
    """With its runbook."""
    return Run.objects.select_related("runbook").get(pk=pk)


def unended_runs() -> list[Run]:
    """Those that the cycle carries on."""
    states = sorted({RunState.RUNNING, RunState.PAUSED, RunState.ABORTING})
    return list(Run.objects.filter(state__in=states).select_related("runbook").order_by("number"))


def plan_of(run: Run) -> Plan:
    """`Refused` where its bytes are not those of its digest."""
    return read_plan(run.plan.encode(), run.digest)


def pulse_of(run: Run) -> float:
    """Seconds that leaders have counted since it was prepared."""
    return RunPulse.objects.filter(run=run).values_list("seconds", flat=True).first() or 0.0


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
    return RunSight(
        id=str(run.pk),
        plan=plan,
        digest=run.digest,
        state=RunState(run.state),
        steps=steps,
        drift=() if run.state in ENDED else drift_of(run, plan, steps),
        hold=hold,
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


def drift_of(run: Run, plan: Plan, steps: Mapping[str, StepSight]) -> tuple[str, ...]:
    """What is no longer as it was shown. What cannot be resolved any more has drifted, too."""
    over = {StepState.DONE, StepState.SKIPPED}
    if run.state == RunState.PREPARED and run.runbook.state == RunbookState.RETIRED:
        return (f"{run.runbook} is retired: a newer version is in force.",)
    try:
        runbook = reread_runbook(run.runbook.raw.encode(), f"{run.runbook.name}.yaml")
        wish = Wish(plan.mode, run.lost, run.into, plan.situation)
        there = inventory("drill" if plan.mode is Mode.DRILL else "production")
        fresh = resolve(runbook, run.runbook.digest, wish, there)
    except TocsinError as error:
        return (str(error),)
    ended = {name for name, step in steps.items() if step.state in over}
    return drift(plan, fresh, ours=ours(run), ended=ended)


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


def question_of(run: Run, plan: Plan, row: RunStep, ask: Ask) -> Question:
    """Under the policy of the plan, and of the step's kind."""
    planned = plan.step(row.name)
    need = need_of(planned, plan.mode) or Need("approver", 1)
    broken = _broken(ask)
    current = incarnations.newest()
    return Question(
        ask=str(ask.pk),
        digest=run.digest,
        run=str(run.pk),
        step=row.name,
        requester=run.requested_by,
        editor=run.last_editor,
        role=need.role,
        count=need.count,
        of=frozenset(need.of),
        by_passkey=planned.wants_passkey,
        incarnation=current.number if current else 0,
        broken=frozenset(rule for rule in Rule if broken and rule in broken.rules),
        broken_by=broken.by if broken else "",
    )


def _broken(ask: Ask) -> BreakGlass | None:
    """Glass that an administrator broke and that everybody was told of; else it is whole."""
    row = BreakGlass.objects.filter(ask=ask).first()
    rings = Alarm.objects.filter(key=f"break-glass:{ask.pk}").exclude(state=AlarmState.ENDED)
    if row is None or not rings.exists():
        return None
    return row if "admin" in people_of().rights(row.by, row.by) else None


def said_to(
    question: Question, ask: Ask, people: People, *, now: datetime, pulse: float
) -> list[Said]:
    """All that was said to it, each proof looked at anew."""
    pinned = pins()
    rows = Approval.objects.filter(ask=ask).select_related("use")
    return [
        _said(
            row,
            question,
            ask,
            people,
            wall=(now - row.given_at).total_seconds(),
            elapsed=pulse - row.pulse,
            is_used=hasattr(row, "use"),
            unproven=unproven(row.factor, row.proof, word_of(question, ask, row.approver), pinned)
            if row.is_yes
            else "",
        )
        for row in rows
    ]


def word_of(question: Question, ask: Ask, approver: str) -> Word:
    """What this approver signs."""
    return Word(question.digest, question.run, question.step, approver, ask.nonce)


def _said(
    row: Approval,
    question: Question,
    ask: Ask,
    people: People,
    *,
    wall: float,
    elapsed: float,
    is_used: bool,
    unproven: str,
) -> Said:
    return Said(
        id=str(row.pk),
        ask=str(ask.pk),
        approver=row.approver,
        principal=row.principal,
        roles=people.rights(row.approver, row.principal),
        is_active=row.approver in people.roles and row.principal in people.roles,
        factor=Factor(row.factor),
        digest=row.digest,
        run=question.run,
        step=question.step,
        incarnation=row.incarnation,
        wall=wall,
        elapsed=elapsed,
        is_yes=row.is_yes,
        is_used=is_used,
        unproven=unproven,
    )


def refuse_authority(run: Run, row: RunStep) -> str:
    """Why what this step does now rests on nobody's yes; empty where it rests on enough.

    Looked at in the transaction of every intent, and before anything that was intended is done:
    rows that somebody wrote past us start nothing."""
    plan = plan_of(run)
    need = need_of(plan.step(row.name), plan.mode)
    if need is None:
        return ""
    uses = list(
        ApprovalUse.objects.filter(step=row, round=row.round).select_related("approval__ask")
    )
    asks = {use.approval.ask_id: use.approval.ask for use in uses}
    if len(asks) != 1:
        return f"{row.name}: nobody has approved this round of it."
    ask = next(iter(asks.values()))
    question, people, pinned = question_of(run, plan, row, ask), people_of(), pins()
    said = [
        _said(
            use.approval,
            question,
            ask,
            people,
            wall=(use.used_at - use.approval.given_at).total_seconds(),
            elapsed=use.pulse - use.approval.pulse,
            is_used=False,
            unproven=unproven(
                use.approval.factor,
                use.approval.proof,
                word_of(question, ask, use.approval.approver),
                pinned,
            ),
        )
        for use in uses
    ]
    weighed = weigh(question, said)
    why = " ".join(reason for _, reason in weighed.refused)
    return "" if weighed.is_enough else f"{row.name}: {weighed.missing} {why}".strip()
