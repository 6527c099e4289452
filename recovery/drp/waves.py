"""The acts of one step that has begun: wave by wave, attempt by attempt. Pure.

Invariants: a target has one act under way at most; one that is done is never done again, in no
round; a new wave begins after the gate of the one before; what nobody knows stops the wave, for a
person to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from recovery.drp.facts import LOOKS, ActState, Kind, StepState
from recovery.drp.plan import Target
from recovery.drp.sights import ActSight, Do, Order, StepSight

AGAIN_SECONDS = 5.0
"""A failed act is tried again after so long."""


ABORTED = "The run was aborted: it is not waited for any more."


def looks_at(step: StepSight, *, is_aborting: bool = False) -> Iterator[Order]:
    """Whatever was intended is looked at until it is known, or its time is over; what nobody knows
    is looked at again, beside the person who is asked. What only looks, or waits for a person, does
    nothing that an abort would have to wait for."""
    if step.state is not StepState.BEGUN:
        return
    names = {target.key: target for wave in step.planned.waves for target in wave}
    for act in step.acts:
        if act.state is ActState.INTENDED:
            order = _look(step, act, names.get(act.target))
            ends = is_aborting and order.do is Do.LOOK and _only_waits(step)
            yield replace(order, do=Do.TIME_OUT, reason=ABORTED) if ends else order
        elif act.target not in names:
            continue
        elif act.state is ActState.UNKNOWN:
            said = "Nobody knows what became of it."
            yield Order(Do.LOOK, said, step.planned.id, act.key, names[act.target], act.number)


def is_under_way(step: StepSight) -> bool:
    """Whether the outcome of anything that it intended is still to come."""
    return any(act.state is ActState.INTENDED for act in step.acts)


def _only_waits(step: StepSight) -> bool:
    return step.planned.kind in LOOKS or step.planned.kind is Kind.MANUAL


def _look(step: StepSight, act: ActSight, target: Target | None) -> Order:
    name = step.planned.id
    if target is None:
        said = f"{act.target} is no target of {name}: a person has to look."
        return Order(Do.LOSE_SIGHT, said, name, act.key, None, act.number)
    if act.age < step.planned.timeout:
        return Order(Do.LOOK, "What became of it?", name, act.key, target, act.number)
    if _only_waits(step):
        said = f"Not within {step.planned.timeout} s."
        return Order(Do.TIME_OUT, said, name, act.key, target, act.number)
    said = f"Nobody knows after {step.planned.timeout} s whether it was done: a person has to look."
    return Order(Do.LOSE_SIGHT, said, name, act.key, target, act.number)


Acts = Mapping[str, Sequence[ActSight]]
"""By target, the newest last: looked through once for all of a wave."""


def next_acts(step: StepSight, run: str) -> Iterator[Order]:
    """What is intended next, or how the step ends; nothing while it has to wait."""
    waves = step.planned.waves
    if not waves:
        yield Order(Do.SETTLE_DONE, "There is nothing to do it to.", step.planned.id)
        return
    at, acts = current_wave(step), step.by_target()
    intents = [order for target in waves[at] if (order := _next(step, acts, target, run))]
    if intents:
        yield from intents
    elif all(_is_over(step, acts.get(target.key, ())) for target in waves[at]):
        yield from _after(step, acts, at, run)


def current_wave(step: StepSight) -> int:
    """The last one of which anything was begun."""
    begun = {act.target for act in step.acts}
    touched = [
        at for at, wave in enumerate(step.planned.waves) if any(one.key in begun for one in wave)
    ]
    return max(touched, default=0)


def _next(step: StepSight, acts: Acts, target: Target, run: str) -> Order | None:
    """The act that is due for this target."""
    tried = acts.get(target.key, ())
    if not tried:
        return _intend(step, target, 1, run, "It is its turn.")
    act = tried[-1]
    if act.state is not ActState.FAILED or _is_spent(step, tried):
        return None
    if act.round == step.round and step.quiet < AGAIN_SECONDS:
        return None
    return _intend(step, target, act.number + 1, run, f"Once more, after: {act.said}")


def _intend(step: StepSight, target: Target, number: int, run: str, said: str) -> Order:
    key = f"{run}/{step.planned.id}/{target.key}/{number}"
    return Order(Do.INTEND, said, step.planned.id, key, target, number)


def _is_spent(step: StepSight, tried: Sequence[ActSight]) -> bool:
    """Whether what failed on this target is not tried again by itself in this round."""
    act = tried[-1]
    if act.round < step.round:
        return False
    count = sum(one.round == step.round for one in tried)
    return act.by_word or count > step.planned.retries


def _is_over(step: StepSight, tried: Sequence[ActSight]) -> bool:
    if not tried:
        return False
    state = tried[-1].state
    return state is ActState.DONE or (state is ActState.FAILED and _is_spent(step, tried))


def _after(step: StepSight, acts: Acts, at: int, run: str) -> Iterator[Order]:
    """A wave is over: the next one, or the end."""
    if why := _short(step, acts, at):
        yield Order(Do.SETTLE_FAILED, why, step.planned.id)
        return
    gate = step.gate
    if step.planned.gate is not None and (gate is None or not gate.holds):
        if gate is not None and gate.age >= step.planned.timeout:
            yield Order(Do.SETTLE_FAILED, f"The gate does not open: {gate.said}", step.planned.id)
        return
    if at + 1 < len(step.planned.waves):
        said = f"Wave {at + 1} is done, and its gate holds."
        for target in step.planned.waves[at + 1]:
            yield _intend(step, target, 1, run, said)
        return
    yield Order(Do.SETTLE_DONE, _told(step, acts), step.planned.id)


def _newest(acts: Acts, wave: Sequence[Target], state: ActState) -> list[ActSight]:
    """Of these targets, the newest acts that are in this state."""
    found = [tried[-1] for one in wave if (tried := acts.get(one.key, ()))]
    return [act for act in found if act.state is state]


def _short(step: StepSight, acts: Acts, at: int) -> str:
    """Why too much of this wave failed; empty where it may go on."""
    wave = step.planned.waves[at]
    failed = _newest(acts, wave, ActState.FAILED)
    wanted = step.planned.gate.at_least if step.planned.gate else 100
    if (len(wave) - len(failed)) * 100 >= wanted * len(wave):
        return ""
    return f"{len(failed)} of {len(wave)} failed: {failed[0].said}"


def _told(step: StepSight, acts: Acts) -> str:
    targets = [target for wave in step.planned.waves for target in wave]
    done = _newest(acts, targets, ActState.DONE)
    said = done[-1].said if len(targets) == 1 and done else ""
    return said or f"{len(done)} of {len(targets)} done."
