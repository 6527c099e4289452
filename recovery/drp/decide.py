"""What a run does next: facts in, orders with reasons out. Pure.

Invariants: nothing begins before what it needs, before enough approvals of this very plan, while
anything drifted, or while the run is paused or ends; what was intended is looked at until somebody
knows how it ended, also while it is paused or aborted; a person's no pauses it, also while nobody
sees; a simulation executes nothing; a drill never touches production (I-DR-1, I-DR-3, I-DR-4).
"""

from __future__ import annotations

from collections.abc import Iterator

from recovery.drp.approvals.facts import LIFE_SECONDS
from recovery.drp.facts import (
    ENDED,
    SETTLED,
    UNSKIPPABLE,
    Kind,
    Mode,
    OnFailure,
    RunState,
    StepState,
)
from recovery.drp.plan import Need, PlannedStep, Target
from recovery.drp.planning.leaving import idle_word
from recovery.drp.sights import Do, Order, RunSight, StepSight
from recovery.drp.waves import is_under_way, looks_at, next_acts


def next_orders(run: RunSight) -> tuple[Order, ...]:
    """All that can be done now."""
    if run.state in ENDED or run.state is RunState.PREPARED:
        return ()
    aborts = run.state is RunState.ABORTING
    steps = run.steps.values()
    looks = tuple(order for step in steps for order in looks_at(step, is_aborting=aborts))
    if aborts:
        rests = not any(map(is_under_way, run.steps.values()))
        return (Order(Do.REST, "Nothing is on its way any more."),) if rests else looks
    if run.state is RunState.PAUSED:
        return looks
    if run.hold:  # who sees nothing begins nothing; a person's no only stops, and rests on no eyes
        return (*(no for step in run.steps.values() for no in _denied(step)), *looks)
    return (*looks, *_onwards(run, is_looking=bool(looks)))


def _onwards(run: RunSight, *, is_looking: bool) -> tuple[Order, ...]:
    """What begins, or ends, of a run that runs."""
    if stopped := _stopped(run):
        return (stopped,)
    steps = tuple(order for step in run.steps.values() for order in _of(step, run))
    if not steps and not is_looking and all(is_over(step, run) for step in run.steps.values()):
        return (Order(Do.FINISH, "Every step is over."),)
    return steps


def _stopped(run: RunSight) -> Order | None:
    """Why it must not go on by itself, or nothing. A simulation says what it finds, to its end."""
    if run.plan.mode is Mode.SIMULATION:
        return None
    for step in run.steps.values():
        if step.state in {StepState.FAILED, StepState.SKIPPED} and not is_satisfied(step):
            do = Do.ABORT if step.planned.on_failure is OnFailure.ABORT else Do.PAUSE
            return Order(do, f"{step.planned.title}: {step.said}", step.planned.id)
    if not run.drift:
        return None
    for step in run.steps.values():
        if step.state is StepState.ASKING:
            return Order(Do.VOID, " ".join(run.drift), step.planned.id)
    return Order(Do.PAUSE, f"What was approved is not so any more. {' '.join(run.drift)}")


def is_satisfied(step: StepSight) -> bool:
    """Whether what needs it may go on. What protects others (the fence, the freeze, a person's yes)
    is never gone on without."""
    if step.planned.kind in UNSKIPPABLE:
        return step.state is StepState.DONE
    goes_on = step.planned.on_failure is OnFailure.GO_ON
    return step.state in SETTLED or (step.state is StepState.FAILED and goes_on)


def is_over(step: StepSight, run: RunSight) -> bool:
    """Whether nothing waits for it any more; a simulated failure keeps nothing waiting."""
    if run.plan.mode is Mode.SIMULATION and step.state is StepState.FAILED:
        return True
    return is_satisfied(step)


def is_ready(step: StepSight, run: RunSight) -> bool:
    """Whether all that it needs is over; what was skipped opens nothing that it waited for itself,
    so that no gate is gone round."""
    needs = [run.steps[need] for need in step.planned.needs]
    return all(
        is_over(one, run) and (one.state is not StepState.SKIPPED or is_ready(one, run))
        for one in needs
    )


def need_of(step: PlannedStep, mode: Mode) -> Need | None:
    """Whose approval it takes: what the plan says, and for what is dangerous, or
    cannot be taken back, at least one; nobody's where it does nothing."""
    if mode is Mode.SIMULATION or step.is_idle:
        return None
    if step.approval is None and (step.wants_passkey or step.kind is Kind.APPROVAL):
        return Need("approver", 1)
    return step.approval


def _of(step: StepSight, run: RunSight) -> Iterator[Order]:
    if not is_ready(step, run):
        return
    match step.state:
        case StepState.PENDING:
            yield _first(step, run)
        case StepState.ASKING:
            yield from _asked(step, run)
        case StepState.BEGUN:
            yield from _begun(step, run)


def _first(step: StepSight, run: RunSight) -> Order:
    need = need_of(step.planned, run.plan.mode)
    if need is None:
        return Order(Do.BEGIN, "What it needs is done.", step.planned.id)
    said = f"It takes {need.count} of role {need.role} who neither asked for it nor wrote it."
    return Order(Do.ASK, said, step.planned.id)


def _asked(step: StepSight, run: RunSight) -> Iterator[Order]:
    ask = step.ask
    if ask is None:
        yield Order(Do.VOID, "Its question is gone.", step.planned.id)
    elif ask.weighed.denied:
        yield from _denied(step)
    elif ask.weighed.is_enough:
        said = "Enough people have approved exactly this."
        yield Order(Do.BEGIN, said, step.planned.id, approvals=ask.weighed.counted)
    elif ask.weighed.hollow:
        said = (
            f"A yes of {' and '.join(ask.weighed.hollow)} stands in its rows that no key of theirs"
        )
        said += (
            " gave: somebody else wrote it. It counts for nothing, and the question is asked anew."
        )
        yield Order(Do.RENEW, said, step.planned.id)
    elif ask.age >= LIFE_SECONDS:
        said = f"Nobody was in time. {ask.weighed.missing}"
        yield Order(Do.RENEW, said, step.planned.id)


def _denied(step: StepSight) -> Iterator[Order]:
    """What follows from somebody's no, whatever else is so."""
    if step.state is not StepState.ASKING or step.ask is None or not step.ask.weighed.denied:
        return
    said = step.ask.weighed
    why = f": {said.because}" if said.because else "."
    yield Order(Do.DENY, f"{said.denied} said no{why}", step.planned.id)


def _begun(step: StepSight, run: RunSight) -> Iterator[Order]:
    if run.plan.mode is Mode.SIMULATION:
        works, said = step.expected
        yield Order(Do.SETTLE_DONE if works else Do.SETTLE_FAILED, said, step.planned.id)
    elif forbidden := _forbidden(step, run):
        yield Order(Do.SETTLE_FAILED, forbidden, step.planned.id)
    elif step.planned.is_idle:
        yield Order(Do.SETTLE_DONE, idle_word(run.plan, step.planned), step.planned.id)
    elif step.planned.kind is Kind.APPROVAL:
        yield Order(Do.SETTLE_DONE, "It was approved.", step.planned.id)
    elif not step.unauthorised:
        yield from next_acts(step, run.id)


def _forbidden(step: StepSight, run: RunSight) -> str:
    """Of a step that has targets it must not touch, or rests on nobody's yes: nothing of it is
    intended any more."""
    if is_under_way(step):
        return ""
    if step.unauthorised:
        return step.unauthorised
    targets = [target for wave in step.planned.waves for target in wave]
    return next((why for one in targets if (why := refuse_target(one, run))), "")


def refuse_act(order: Order, run: RunSight) -> str:
    """Why what was intended before, and never begun, is not begun now."""
    if run.state is not RunState.RUNNING:
        return f"The run is {run.state}: nothing is begun in it."
    if run.hold or run.drift:
        return run.hold or " ".join(run.drift)
    return refuse_target(order.target, run) if order.target else ""


def refuse_target(target: Target, run: RunSight) -> str:
    """Why this mode never touches it; empty where it may (I-DR-4)."""
    is_real = target.realm == "production" or target.key in run.production
    if run.plan.mode is Mode.DRILL and is_real:
        return f"{target.name} is production: a drill never touches it."
    if run.plan.mode in {Mode.PLANNED, Mode.DISASTER} and target.realm != "production":
        return f"{target.name} is there for drills: a {run.plan.mode} is about production."
    return ""
