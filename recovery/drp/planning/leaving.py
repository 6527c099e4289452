"""What a plan leaves as it is: named, counted, and said before anybody agrees to it. Pure.

Invariants: every database and application of the datacenter that no step takes is left out with a
reason, even where no step chooses it; what is said rests on the signed plan alone, so whoever
approves it approves this too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from recovery.backups.words import counted, joined
from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import LeftOut, Plan, PlannedStep, Target
from recovery.drp.planning.inventory import ApplicationSight, DatabaseSight, Inventory, Wish

TAKES = {
    "database": frozenset({Kind.PROMOTE_DATABASES, Kind.RESTORE_DATABASES}),
    "application": frozenset({Kind.PLACE_APPLICATIONS}),
}
"""Kinds of steps that bring a service back, or move it."""
BY_HAND = "people move it by hand in this step"
NAMED = 12
ALTHOUGH = "Started although:"
"""Before what a plan leaves, in the override of its run."""
NO_STEP = "no step of the plan takes it"
NOBODY_IS_OUT = {
    Kind.LIFT_FENCE: "There is nothing to lift: no fence of {site} stands, and no copy there is to"
    " be set apart.",
    Kind.KEEP_COPIES: "There is nothing to keep: nobody chose it for a copy in {site}.",
    Kind.EXPORT_COPIES: "There is nothing to export: nobody chose it for a copy in {site}.",
    Kind.DISCARD_COPIES: "There is nothing to let go: each copy in {site} follows already.",
}
"""Of a way back: it needs less than one after a loss."""


def left_of(
    steps: Iterable[PlannedStep], named: Collection[LeftOut], wish: Wish, there: Inventory
) -> tuple[LeftOut, ...]:
    """`named`: what a step would not take, or leaves to people's hands. Not left out is what
    another step takes; what no step chose is."""
    taken = frozenset(target.key for target in taken_by(steps))
    by_hand = frozenset(one.target.key for one in named if one.reason == BY_HAND)
    stays = [
        one
        for one in named
        if one.target.key not in taken and (one.reason == BY_HAND or one.target.key not in by_hand)
    ]
    told = taken | {one.target.key for one in stays}
    never = [one for one in _there(wish, there) if one.key not in told]
    return (*stays, *(LeftOut("", target, NO_STEP) for target in never))


def taken_by(steps: Iterable[PlannedStep]) -> Iterator[Target]:
    """What these bring back, or move."""
    for step in steps:
        for wave in step.waves:
            yield from (one for one in wave if step.kind in TAKES.get(one.type, ()))


def _there(wish: Wish, there: Inventory) -> list[Target]:
    """Everything of the datacenter, the most urgent first."""
    rows: list[tuple[str, DatabaseSight | ApplicationSight]] = [
        ("database", row) for row in there.databases if row.home == wish.lost
    ]
    rows += [("application", row) for row in there.applications if wish.lost in row.seats_in]
    rows.sort(key=lambda pair: (pair[0] != "database", -pair[1].priority, pair[1].name))
    return [
        Target(type_, row.id, row.name, row.epoch, there.realm)  # type: ignore[arg-type]
        for type_, row in rows
    ]


@dataclass(frozen=True, slots=True)
class Leaving:
    """`names`: of what stays as it is, each once; `said`: so in a sentence; `is_down`: it serves
    nobody then; `asked`: databases that whoever prepares the run names, each."""

    names: tuple[str, ...]
    said: str
    is_down: bool
    asked: tuple[str, ...]

    @property
    def asks(self) -> bool:
        return bool(self.asked)


def leaving(plan: Plan) -> Leaving | None:
    """None: every service is taken, by a step or by people's hands."""
    left = {one.target.key: one.target for one in _left(plan)}
    if not left:
        return None
    gives_up = any(step.kind is Kind.FENCE_DATACENTER for step in plan.steps)
    is_down = plan.mode is Mode.DISASTER or gives_up
    every = {one.target.key for one in plan.left_out} | {one.key for one in taken_by(plan.steps)}
    parts = [
        f"{len(ours)} of {counted(sum(key.startswith(f'{type_}:') for key in every), type_)}"
        for type_ in TAKES
        if (ours := [one.name for one in left.values() if one.type == type_])
    ]
    names = tuple(one.name for one in left.values())
    where = "down" if is_down else f"in {plan.lost.name}"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    said = f"This plan leaves {joined(tuple(parts))} {where}: {', '.join(names[:NAMED])}{more}."
    is_real = plan.mode in {Mode.DISASTER, Mode.PLANNED}
    asked = tuple(one.name for one in left.values() if one.type == "database")
    return Leaving(names, said, is_down, asked if is_real and not plan.origin else ())


def left_by(plan: Plan, step: str) -> tuple[LeftOut, ...]:
    """What stays as it is although this step was to take it."""
    return tuple(one for one in _left(plan) if one.step == step)


def by_hand(plan: Plan, step: str = "") -> tuple[str, ...]:
    """What people see to in this step, or in any: no step takes it by itself."""
    rows = [one for one in plan.left_out if one.reason == BY_HAND and step in {"", one.step}]
    return tuple(dict.fromkeys(one.target.name for one in rows))


def idle_word(plan: Plan, step: PlannedStep) -> str:
    """Why a step does nothing, and what it leaves by that."""
    if word := NOBODY_IS_OUT.get(step.kind):
        return word.format(site=plan.into.name)
    said = f"There is nothing to do it to: another step takes it, or {plan.lost.name} has none."
    if not (left := left_by(plan, step.id)):
        return said
    told = leaving(plan)
    where = "down" if told and told.is_down else f"in {plan.lost.name}"
    whys = "; ".join(f"{one.target.name}: {one.reason}" for one in left[:NAMED])
    more = f"; and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"There is nothing that it can take. It leaves {len(left)} {where}: {whys}{more}."


def keys_left(plan: Plan) -> frozenset[str]:
    """Of what stays as it is."""
    return frozenset(one.target.key for one in _left(plan))


def _left(plan: Plan) -> Iterator[LeftOut]:
    by_hand = {step.id for step in plan.steps if step.kind is Kind.MANUAL}
    return (one for one in plan.left_out if one.target.type in TAKES and one.step not in by_hand)


def refuse_unnamed(plan: Plan, named: Collection[str]) -> str:
    """Why the run is not prepared yet; empty where whoever asks has named each of what it leaves,
    and nothing else."""
    found = leaving(plan)
    if found is None or not found.asks:
        return ""
    if set(named) == set(found.asked):
        return ""
    return f"{found.said} Who starts it nevertheless names each of them."
