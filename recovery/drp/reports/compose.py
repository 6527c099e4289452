"""Facts become one document. Pure: the same facts give the same bytes.

Invariants: each step of the run is in it once; counts add up to what they count; no time is
negative; what nobody knows is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from recovery.drp.facts import ENDED, STAGES, Mode, Stage, StepState
from recovery.drp.reports import document as doc
from recovery.drp.reports.deviations import deviations
from recovery.drp.reports.drilled import drilled
from recovery.drp.reports.facts import (
    ActFact,
    CheckpointFact,
    Facts,
    LogFact,
    Moment,
    PlanFact,
    RunFact,
    StepFact,
)
from recovery.drp.reports.measure import (
    BROKEN,
    UNKNOWN,
    measured_services,
    measured_targets,
    not_back,
)
from recovery.drp.reports.people import participants
from recovery.drp.reports.words import counted, span, spoken

OPEN = frozenset({StepState.PENDING, StepState.ASKING, StepState.BEGUN})


def refuse_report(state: str) -> str:
    """Why there is none yet; empty where there may be one."""
    return "" if state in ENDED else f"The run is {state}: its report is written once it has ended."


def compose(facts: Facts) -> doc.Report:
    """The whole report, as of `facts.made_at`."""
    facts = replace(facts, steps=_in_order(facts.steps))
    steps = tuple(_step(one, facts.run) for one in facts.steps)
    targets = measured_targets(facts)
    missing = () if facts.run.mode == Mode.SIMULATION else not_back(facts)
    count = counts(steps)
    return doc.Report(
        version=facts.version,
        made_at=facts.made_at,
        summary=_summary(facts, count, targets, len(missing)),
        run=_run(facts),
        plan=_plan(facts.plan),
        counts=count,
        phases=tuple(phase for stage in STAGES if (phase := _phase(stage, steps)) is not None),
        steps=steps,
        approvals=_approvals(facts.steps),
        deviations=deviations(facts),
        services=measured_services(facts, targets),
        targets=targets,
        not_back=missing,
        participants=participants(facts),
        events=tuple(
            doc.Event(e.kind, e.name, e.about, e.state, e.began_at, e.ended_at, e.said)
            for e in sorted(facts.events, key=lambda one: (one.began_at, one.kind, one.name))
        ),
        findings=tuple(
            doc.Finding(
                f.number,
                f.said,
                f.owner,
                f.due,
                f.added_by,
                f.added_at,
                f.closed_by,
                f.closed_at,
                f.proof,
            )
            for f in sorted(facts.findings, key=lambda one: one.number)
        ),
        test=_test(facts),
        log=_log(facts.log),
        drill=drilled(facts.drill),
    )


def _in_order(steps: Sequence[StepFact]) -> tuple[StepFact, ...]:
    return tuple(sorted(steps, key=lambda one: (one.position, one.name)))


def _run(facts: Facts) -> doc.Run:
    run = facts.run
    return doc.Run(
        number=run.number,
        name=run.name,
        mode=run.mode,
        state=run.state,
        plan_digest=run.digest,
        lost=run.lost,
        into=run.into,
        trigger=run.situation,
        declared_by=run.requested_by,
        declared_at=run.requested_at,
        declared_reason=run.request_reason,
        started_by=run.started_by,
        started_at=run.started_at,
        ended_at=run.ended_at,
        seconds=span(run.started_at, run.ended_at),
        end_reason=run.end_reason,
        override=run.override,
        lost_at=facts.lost_at,
    )


def _plan(plan: PlanFact) -> doc.Plan:
    return doc.Plan(
        id=plan.id,
        version=plan.version,
        title=plan.title,
        scenario=plan.scenario,
        digest=plan.digest,
        written_by=plan.written_by,
        activated_by=plan.activated_by,
        activated_at=plan.activated_at,
        owner=plan.owner,
        deputies=plan.deputies,
        scope=plan.scope,
        order=plan.order,
        activation=plan.activation,
        deactivation=plan.deactivation,
        success_criteria=plan.success_criteria,
        security_relaxations=plan.relaxations,
        fail_back=plan.fail_back,
    )


# ------------------------------------------------------------------ steps


def _step(step: StepFact, run: RunFact) -> doc.Step:
    began, ended = _began(step.history), _ended(step.history)
    asked = next((one.at for one in step.history if one.to == StepState.ASKING), None)
    return doc.Step(
        id=step.name,
        number=step.position,
        title=step.title,
        kind=step.kind,
        stage=step.stage,
        owner=step.owner,
        state=step.state,
        said=step.said,
        began_at=began,
        ended_at=ended,
        seconds=span(began, ended),
        waited=span(asked, began or ended or run.ended_at) if asked else None,
        targets=step.targets,
        operations=tuple(
            _operation(act) for act in sorted(step.acts, key=lambda a: (a.target, a.number, a.key))
        ),
    )


def _began(history: Sequence[Moment]) -> datetime | None:
    return next((one.at for one in history if one.to == StepState.BEGUN), None)


def _ended(history: Sequence[Moment]) -> datetime | None:
    """When it came to where it stands; None while it is open."""
    last = history[-1] if history else None
    return last.at if last is not None and last.to not in OPEN else None


def _operation(act: ActFact) -> doc.Operation:
    return doc.Operation(
        key=act.key,
        target=act.target,
        name=act.name,
        number=act.number,
        round=act.round,
        state=act.state,
        intended_at=act.intended_at,
        ended_at=act.ended_at,
        seconds=span(act.intended_at, act.ended_at),
        said=act.said,
        by_word=act.by_word,
    )


def counts(steps: Iterable[doc.Step]) -> doc.Counts:
    """They add up to the steps."""
    states = [step.state for step in steps]
    return doc.Counts(
        done=states.count(StepState.DONE),
        failed=states.count(StepState.FAILED),
        skipped=states.count(StepState.SKIPPED),
        open=sum(state in OPEN for state in states),
    )


def _phase(stage: Stage, steps: Sequence[doc.Step]) -> doc.Phase | None:
    """From its first step's beginning to its last one's end; open while one of its is."""
    ours = [step for step in steps if step.stage == stage]
    if not ours:
        return None
    begins = [step.began_at for step in ours if step.began_at is not None]
    ends = [step.ended_at for step in ours if step.ended_at is not None]
    began = min(begins, default=None)
    ended = max(ends) if ends and len(ends) == len(ours) else None
    return doc.Phase(str(stage), began, ended, span(began, ended), counts(ours))


def _approvals(steps: Sequence[StepFact]) -> tuple[doc.Approval, ...]:
    found = [
        doc.Approval(
            step=step.name,
            round=word.round,
            who=word.approver,
            for_whom="" if word.principal == word.approver else word.principal,
            is_yes=word.is_yes,
            reason=word.reason,
            factor=word.factor if word.is_yes else "",
            digest=word.digest,
            at=word.given_at,
            used_at=word.used_at,
            unproven=word.unproven,
        )
        for step in steps
        for word in step.words
    ]
    return tuple(sorted(found, key=lambda one: (one.at, one.step, one.who)))


# ------------------------------------------------------------------ the rest


def _test(facts: Facts) -> doc.Test | None:
    """Of an exercise. Who was absent on purpose and what was broken on purpose is in no row."""
    if facts.run.mode not in {Mode.DRILL, Mode.SIMULATION}:
        return None
    return doc.Test(facts.plan.scenario, None, None, str(facts.run.state))


def _log(log: LogFact) -> doc.Log:
    return doc.Log(
        entries=log.entries,
        start=_checkpoint(log.start),
        end=_checkpoint(log.end),
        proofs=tuple(
            doc.Proof(one.entry, one.leaf, one.about, one.line, one.hashes)
            for one in sorted(log.proofs, key=lambda one: one.leaf)
        ),
    )


def _checkpoint(mark: CheckpointFact | None) -> doc.Checkpoint | None:
    return doc.Checkpoint(mark.size, mark.signed_at, mark.note) if mark else None


def _summary(facts: Facts, count: doc.Counts, targets: Sequence[doc.Target], missing: int) -> str:
    """Three sentences for whoever reads no further."""
    run = facts.run
    took = span(run.started_at, run.ended_at)
    if run.started_at is None:
        head = f"{run.name} ended before it was started."
    else:
        end = "was done" if run.state == "done" else "was aborted"
        head = (
            f"{run.name} ({run.mode}) {end} after {spoken(took)}."
            if took is not None
            else (f"{run.name} ({run.mode}) {end}; how long it took is not known.")
        )
    steps = f"{count.done} of {counted(count.all, 'step', 'steps')} done"
    rest = [(count.skipped, "skipped"), (count.failed, "failed"), (count.open, "not done")]
    steps += "".join(f", {n} {word}" for n, word in rest if n) + "."
    if run.mode == Mode.SIMULATION:
        return f"{head} {steps} Nothing was executed."
    return f"{head} {steps} {_kept(targets)}{_missing(missing)}".strip()


def _kept(targets: Sequence[doc.Target]) -> str:
    verdicts = [(one.rto.verdict, one.rpo.verdict) for one in targets]
    broken = sum(BROKEN in pair for pair in verdicts)
    unknown = sum(BROKEN not in pair and UNKNOWN in pair for pair in verdicts)
    if not targets:
        return "The plan took no service."
    of = counted(len(targets), "service", "services")
    said = f"{broken} of {of} broke a promise" if broken else f"Of {of} none broke a promise"
    return f"{said}; of {unknown} nobody knows." if unknown else f"{said}."


def _missing(missing: int) -> str:
    return f" {counted(missing, 'service', 'services')} did not come back." if missing else ""
