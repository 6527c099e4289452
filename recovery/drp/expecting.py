"""What a simulation says of each step: would it work now, on what, and why not. Pure.

Invariant: a look is taken as it is now where it is about now (silent, room, copies), and is
expected where earlier steps bring it about; what is left out is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from recovery.backups.words import counted, joined
from recovery.brief.losses import span
from recovery.drp.facts import Kind
from recovery.drp.looking import NAMED, World, look
from recovery.drp.plan import Plan, PlannedStep, Quote
from recovery.drp.runbooks.kinds import Condition

BROUGHT_ABOUT = frozenset(
    {
        Condition.DATACENTER_IS_FENCED,
        Condition.AUTOMATION_IS_FROZEN,
        Condition.DATABASES_SERVE,
        Condition.APPLICATIONS_ANSWER,
        Condition.REDUNDANCY_IS_WHOLE,
    }
)
"""Conditions that the run itself is there to bring about: not held against it beforehand."""
TAKES = frozenset({Kind.PROMOTE_DATABASES, Kind.RESTORE_DATABASES, Kind.PLACE_APPLICATIONS})
"""What it is done to serves elsewhere afterwards."""
Expected = tuple[bool, str]


def expected(plan: Plan, world: World) -> Mapping[str, Expected]:
    """Of every step."""
    return {step.id: _of(step, plan, world) for step in plan.steps}


def _of(step: PlannedStep, plan: Plan, world: World) -> Expected:
    if step.kind in {Kind.CHECK, Kind.WAIT_UNTIL, Kind.VERIFY}:
        return _looked(step, _after(plan, world))
    targets = [target for wave in step.waves for target in wave]
    if step.kind in {Kind.MANUAL, Kind.APPROVAL, Kind.NOTIFY, Kind.WEBHOOK, Kind.FREEZE_AUTOMATION}:
        return True, f"{_people(step)}Nothing in the way."
    left = [f"{one.target.name}: {one.reason}" for one in plan.left_out if one.step == step.id]
    names = joined(tuple(target.name for target in targets), NAMED)
    said = (
        f"{_people(step)}{len(targets)} in {counted(len(step.waves), 'wave')}: {names}."
        if targets
        else ("Nothing to do it to.")
    )
    said += _restored(plan, step)
    if left:
        said += f" Left out: {len(left)}. {_listed(left)}."
    mine = {target.name for target in targets} if step.kind is Kind.PLACE_APPLICATIONS else ()
    unfit = [one.said for one in world.unfit if one.name in mine]
    if unfit:
        said += f" Finds no host elsewhere: {_listed(unfit)}."
    return not left and not unfit, said


def _after(plan: Plan, world: World) -> World:
    """What no step takes away, or what finds no host elsewhere, serves on where it is."""
    stays = {one.name for one in world.unfit}
    steps = [step for step in plan.steps if step.kind in TAKES]
    taken = {target.key for step in steps for wave in step.waves for target in wave}
    rest = tuple(one for one in world.serving or () if one.key not in taken or one.name in stays)
    return replace(world, serving=None if world.serving is None else rest)


def _listed(said: Sequence[str]) -> str:
    """The first ones, and how many more."""
    more = f"; and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return f"{'; '.join(said[:NAMED])}{more}"


def _restored(plan: Plan, step: PlannedStep) -> str:
    """Of each that is not promoted: from where, what it loses, and why."""
    if step.kind is not Kind.RESTORE_DATABASES:
        return ""
    keys = {target.id for wave in step.waves for target in wave}
    rows = [one for one in plan.quotes if one.way == "restore" and one.database in keys]
    said = [f"{one.name}: {restored(one)}." for one in rows if one.reason]
    return "".join(f" {one}" for one in said)


def restored(one: Quote) -> str:
    """restored from replica 2, loses 40 s, because it has no standby in OSU2"""
    lost = None if one.lost_ms is None else span(timedelta(milliseconds=one.lost_ms))
    loses = f"loses {lost}" if lost else f"back to {one.moment}"
    why = f", because {one.reason}" if one.reason else ""
    return f"restored from {one.source}, {loses}{why}"


def _people(step: PlannedStep) -> str:
    need = None if step.is_idle else step.approval
    return f"Asks {need.count} of role {need.role}. " if need else ""


def _looked(step: PlannedStep, world: World) -> Expected:
    conditions = [Condition(each) for each in step.conditions]
    at_least = int(step.params.get("at_least", 100))
    looks = [(each, look(each, world)) for each in conditions]
    works = all(seen.holds(at_least) or each in BROUGHT_ABOUT for each, seen in looks)
    return works, " ".join(seen.said for _, seen in looks)
