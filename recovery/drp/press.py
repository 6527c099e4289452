"""What people press: whether they may, now, each no with its reason. Pure.

Invariants: abort is possible while anything may still begin, and needs nothing but itself; what is
done by hand is reported by the role that owns it; nothing is skipped that protects what comes after
it; a run whose failure nobody answered is not resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recovery.drp.decide import is_over, is_ready, is_satisfied
from recovery.drp.facts import (
    ENDED,
    UNSKIPPABLE,
    ActState,
    Kind,
    Mode,
    RunState,
    StepState,
)
from recovery.drp.sights import ActSight, RunSight, StepSight
from recovery.drp.waves import is_under_way


class Press(StrEnum):
    """`tell`: how an act ended that nobody knows of; `report`: a manual step is done; `undo`: what
    a step started is stopped again."""

    START = "start"
    WITHDRAW = "withdraw"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    RETRY = "retry"
    SKIP = "skip"
    TELL = "tell"
    REPORT = "report"
    UNDO = "undo"


ROLE: Mapping[Press, str] = {press: "responder" for press in Press} | {
    Press.SKIP: "approver",
    Press.UNDO: "approver",
}
ON_STEP = frozenset({Press.RETRY, Press.SKIP, Press.TELL, Press.REPORT, Press.UNDO})
UNDOABLE = frozenset({Kind.PLACE_APPLICATIONS})
"""What is undone by a press. The rest changes nothing, has no way back, or is lifted where it
stands (a freeze)."""


@dataclass(frozen=True, slots=True)
class Presser:
    """Who presses: their own roles, and those that are `lent` to them now."""

    name: str
    roles: frozenset[str]
    lent: frozenset[str] = frozenset()


def refuse_press(
    press: Press,
    run: RunSight,
    roles: frozenset[str],
    *,
    step: str = "",
    key: str = "",
    said: str = "",
    by: str = "",
) -> str:
    """Why it does nothing; empty where it does. Whoever it is: `refuse_presser` says more. `by`:
    who presses, to whom their own press is not somebody else's."""
    if why := refuse_ever(press, run, step):
        return why
    if why := refuse_role(press, run, roles, step):
        return why
    if not said.strip() and press not in {Press.START, Press.PAUSE, Press.RESUME}:
        return "Say why: it is kept with the run."
    if press in ON_STEP and step not in run.steps:
        return f"There is no step {step} in this run."
    return refuse_now(press, run, step, key, by)


def refuse_ever(press: Press, run: RunSight, step: str) -> str:
    """Why nobody presses it at all: no role changes that."""
    if press is Press.SKIP and step in run.steps and run.steps[step].planned.kind in UNSKIPPABLE:
        return _never_skipped(run.steps[step])
    return ""


def refuse_now(press: Press, run: RunSight, step: str, key: str, by: str = "") -> str:
    """Why nobody presses it as the run, or this step of it, is now, whatever they would say."""
    if press is Press.START and by and run.started_by == by:
        return _started(run)
    is_there = press not in ON_STEP or step in run.steps
    return _RULES[press](run, step, key) if is_there else ""


def refuse_who(press: Press, run: RunSight, who: Presser, step: str) -> str:
    """Why it is not theirs to press: somebody else's it is."""
    return refuse_role(press, run, who.roles, step) or refuse_presser(press, run, who, step)


def refuse_role(press: Press, run: RunSight, roles: frozenset[str], step: str) -> str:
    """Why nobody of these roles alone presses it."""
    if ROLE[press] not in roles:
        return f"That takes the role {ROLE[press]}."
    is_grave = press is Press.TELL and step in run.steps and run.steps[step].planned.wants_passkey
    if is_grave and "approver" not in roles:
        return "What takes a passkey is told to be done, or not, by the role approver."
    return ""


OTHERS: Mapping[Press, str] = {
    Press.TELL: "says whether it was done",
    Press.SKIP: "decides that it is left out",
}


def refuse_presser(press: Press, run: RunSight, who: Presser, step: str) -> str:
    """Why this very person does not press it. A manual step is reported by the role that owns it:
    their own, or one that is lent to them (an administrator has each of them). And whoever asked
    for the run, or wrote its runbook, is not the one to say that what takes a passkey was done, or
    is left out."""
    planned = run.steps[step].planned if step in run.steps else None
    if planned is None:
        return ""
    if press is Press.REPORT and planned.owner not in who.roles | who.lent:
        return (
            f"{planned.title} is done, and written down, by the role {planned.owner}: ask one of"
            " them, or let one lend you the role."
        )
    if press in OTHERS and planned.wants_passkey:
        for word, person in (("asked for", run.plan.requester), ("wrote", run.plan.last_editor)):
            if who.name == person:
                return f"{who.name} {word} it: somebody else {OTHERS[press]}."
    return ""


def _start(run: RunSight, step: str, key: str) -> str:
    if run.state is not RunState.PREPARED:
        return f"It is {run.state} already: somebody was first."
    if run.drift and run.plan.mode is not Mode.SIMULATION:
        return f"What was shown is not so any more. {' '.join(run.drift)} Prepare it anew."
    return run.hold


def _started(run: RunSight) -> str:
    """To whom started it: a second press is not too late, it is theirs."""
    now = "" if run.state is RunState.RUNNING else f"; it is {run.state} now"
    return f"You have started it already{now}."


def _withdraw(run: RunSight, step: str, key: str) -> str:
    if run.state is not RunState.PREPARED:
        return f"It is {run.state}: abort it."
    return ""


def _pause(run: RunSight, step: str, key: str) -> str:
    return "" if run.state is RunState.RUNNING else f"It is {run.state}: there is nothing to pause."


def _resume(run: RunSight, step: str, key: str) -> str:
    if run.state is not RunState.PAUSED:
        return f"It is {run.state}, and not paused."
    for each in run.steps.values():
        if each.state in {StepState.FAILED, StepState.SKIPPED} and not is_satisfied(each):
            ways = "retry it" if each.planned.kind in UNSKIPPABLE else "retry it, skip it"
            return f"“{each.planned.title}” is {each.state}: {ways} or abort first."
    if run.drift:
        return f"What was approved is not so any more. {' '.join(run.drift)} Abort, and plan anew."
    return ""


def refuse_abort(state: RunState, roles: frozenset[str], said: str) -> str:
    """Why it is not aborted: by its state alone, for it may be that nothing else of it can be
    read."""
    if ROLE[Press.ABORT] not in roles:
        return f"That takes the role {ROLE[Press.ABORT]}."
    if not said.strip():
        return "Say why: it is kept with the run."
    if state in {RunState.RUNNING, RunState.PAUSED}:
        return ""
    return f"It is {state}: there is nothing to abort."


def _abort(run: RunSight, step: str, key: str) -> str:
    return refuse_abort(run.state, frozenset({ROLE[Press.ABORT]}), "It was said.")


def _goes(run: RunSight) -> str:
    if run.state in {RunState.RUNNING, RunState.PAUSED}:
        return ""
    return f"The run is {run.state}."


def _retry(run: RunSight, step: str, key: str) -> str:
    found = run.steps[step]
    if found.state is not StepState.FAILED:
        return f"“{found.planned.title}” is {found.state}: only what failed is tried again."
    return _goes(run)


def _skip(run: RunSight, step: str, key: str) -> str:
    found = run.steps[step]
    if found.state not in {StepState.PENDING, StepState.ASKING, StepState.FAILED}:
        return f"“{found.planned.title}” is {found.state}: it cannot be skipped."
    if not is_ready(found, run):
        first = next(need for need in found.planned.needs if not _is_through(need, run))
        title = run.steps[first].planned.title
        return f"“{found.planned.title}” waits for “{title}”: it is skipped when it is its turn."
    return _goes(run)


def _is_through(step: str, run: RunSight) -> bool:
    found = run.steps[step]
    return is_over(found, run) and (found.state is not StepState.SKIPPED or is_ready(found, run))


ABOUT = {Press.REPORT: ActState.INTENDED, Press.TELL: ActState.UNKNOWN}
"""Of what kind of act each of them is a word."""


def keys_for(press: Press, step: StepSight) -> tuple[str, ...]:
    """Of the acts that this word could be about."""
    if press is Press.REPORT and step.planned.kind is not Kind.MANUAL:
        return ()
    return tuple(act.key for act in step.acts if act.state is ABOUT[press])


def _never_skipped(step: StepSight) -> str:
    title = step.planned.title
    return f"“{title}” protects what comes after it, and is never skipped. Retry it, or abort."


def _act(step: StepSight, key: str) -> ActSight | None:
    return next((act for act in step.acts if act.key == key), None)


def _tell(run: RunSight, step: str, key: str) -> str:
    """Also of a run that is over: what nobody knew is still answered."""
    act = _act(run.steps[step], key)
    if act is None or act.state is not ActState.UNKNOWN:
        return "How it ended is not what is asked for."
    return ""


def _report(run: RunSight, step: str, key: str) -> str:
    found = run.steps[step]
    if found.planned.kind is not Kind.MANUAL:
        return f"“{found.planned.title}” is not done by hand."
    act = _act(found, key)
    if act is None or act.state is not ActState.INTENDED:
        return f"“{found.planned.title}” is {found.state}: nobody is asked to do it now."
    return _goes(run)


def _undo(run: RunSight, step: str, key: str) -> str:
    """Also of a run that is over."""
    found = run.steps[step]
    if found.planned.kind not in UNDOABLE:
        return f"“{found.planned.title}” is not undone here. {found.planned.undo or ''}".strip()
    if run.plan.mode is Mode.SIMULATION:
        return "A simulation started nothing."
    if run.plan.mode is Mode.DRILL:
        return "What a drill began is removed when it is over."
    over = {StepState.DONE, StepState.FAILED}
    if run.state in ENDED:
        over.add(StepState.BEGUN)  # it was aborted in its midst, and nothing of it is on its way
    if found.state not in over or is_under_way(found):
        return f"“{found.planned.title}” is {found.state}: what it starts is not known yet."
    return ""


_RULES: Mapping[Press, Callable[[RunSight, str, str], str]] = {
    Press.START: _start,
    Press.WITHDRAW: _withdraw,
    Press.PAUSE: _pause,
    Press.RESUME: _resume,
    Press.ABORT: _abort,
    Press.RETRY: _retry,
    Press.SKIP: _skip,
    Press.TELL: _tell,
    Press.REPORT: _report,
    Press.UNDO: _undo,
}
