"""A runbook on an inventory: its steps with the targets that each would take now. Pure.

Invariants: every database and application of the datacenter is in a step or is left out with a
reason; a target is named with its epoch; the most urgent come first, and ties are broken by name,
so that two looks at the same rows give the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recovery.backups.words import counted
from recovery.core.errors import Refused
from recovery.drp.facts import Kind, Mode, OnFailure, Stage
from recovery.drp.plan import (
    Gate,
    LeftOut,
    Need,
    Plan,
    PlannedStep,
    Target,
    Thing,
)
from recovery.drp.planning.inventory import DatabaseSight, Inventory, Wish
from recovery.drp.planning.leaving import BY_HAND, left_of, taken_by
from recovery.drp.planning.quoting import doubts, quotes
from recovery.drp.planning.returning import came_back, waits_behind_fence
from recovery.drp.runbooks.kinds import (
    Discard,
    Export,
    Fence,
    ForEach,
    Keep,
    Lift,
    Manual,
    Place,
    Promote,
    Restore,
    Select,
    Traffic,
)
from recovery.drp.runbooks.schema import Runbook, Step


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one step takes, and what it leaves out."""

    targets: tuple[Target, ...]
    left_out: tuple[tuple[Target, str], ...] = ()


def resolve(runbook: Runbook, runbook_digest: str, wish: Wish, inventory: Inventory) -> Plan:
    """The plan. `Refused` where the runbook is not for this mode or these places."""
    _check(runbook, wish, inventory)
    lost, into = (_site(inventory, name) for name in (wish.lost, wish.into))
    steps, left = [], _stays(wish, inventory)
    inventory = _narrowed(inventory, wish)
    named: list[LeftOut] = []
    for step in runbook.steps:
        taken = _take(step, wish, inventory)
        steps.append(_planned(step, taken.targets, (lost, into)))
        named += [LeftOut(step.id, target, reason) for target, reason in taken.left_out]
    left += left_of(steps, named, wish, inventory)
    return Plan(
        runbook=runbook.runbook,
        version=runbook.version,
        runbook_digest=runbook_digest,
        mode=wish.mode,
        lost=lost,
        into=into,
        situation=wish.situation,
        steps=tuple(steps),
        quotes=quotes(runbook, wish, inventory, steps),
        doubts=doubts(wish, inventory, steps),
        left_out=tuple(left),
        requester=wish.requester,
        last_editor=wish.last_editor,
        origin=wish.back.number if wish.back else 0,
        moves=wish.back.moves if wish.back else (),
        things=_things(steps, inventory),
    )


def _things(steps: Iterable[PlannedStep], inventory: Inventory) -> tuple[Thing, ...]:
    """Only a drill's rows say what is meant; a database without a copy is restored by nobody."""
    rows = {f"database:{row.id}": row.what for row in inventory.databases}
    rows |= {f"application:{row.id}": row.what for row in inventory.applications}
    keys = sorted({target.key for target in taken_by(steps)})
    return tuple(Thing(key, dict(what)) for key in keys if (what := rows.get(key)) is not None)


def _narrowed(inventory: Inventory, wish: Wish) -> Inventory:
    """Where an earlier run is taken back: what it moved, and nothing else. A copy there that is set
    apart follows again before anything is switched to it; containers go from wherever they are."""
    if wish.back is None:
        return inventory
    keys = wish.back.keys
    return replace(
        inventory,
        databases=tuple(
            replace(row, standbys=row.standbys | {wish.into})
            for row in inventory.databases
            if f"database:{row.id}" in keys
        ),
        applications=tuple(
            replace(row, seats_in=row.seats_in | {wish.lost})
            for row in inventory.applications
            if f"application:{row.id}" in keys
        ),
    )


def _stays(wish: Wish, inventory: Inventory) -> list[LeftOut]:
    """What the earlier run moved and does not go back, one by one; what it never moved, counted."""
    if wish.back is None:
        return []
    out = [LeftOut("", target, reason) for target, reason in wish.back.out]
    told = wish.back.keys | {target.key for target, _ in wish.back.out}
    databases = [row for row in inventory.databases if row.home == wish.lost]
    applications = [row for row in inventory.applications if wish.lost in row.seats_in]
    never = (
        sum(f"database:{row.id}" not in told for row in databases),
        sum(f"application:{row.id}" not in told for row in applications),
    )
    if any(never):
        said = (
            f"{counted(never[0], 'database')} and {counted(never[1], 'application')} there were"
            f" never moved by {wish.back.name}, and stay"
        )
        out.append(LeftOut("", _site(inventory, wish.lost), said))
    return out


def _check(runbook: Runbook, wish: Wish, inventory: Inventory) -> None:
    if wish.mode not in runbook.modes:
        known = ", ".join(runbook.modes)
        raise Refused(
            f"{runbook.runbook} is no plan for a {wish.mode}.",
            field="mode",
            todo=f"It is for {known}.",
        )
    if wish.lost == wish.into:
        raise Refused(f"{wish.lost} cannot take over from itself.", field="into")
    is_drill = inventory.realm == "drill"
    if is_drill != (wish.mode is Mode.DRILL):
        raise Refused(f"A {wish.mode} is never planned on {inventory.realm} targets (I-DR-4).")


def _site(inventory: Inventory, name: str) -> Target:
    row = inventory.site(name)
    return Target("datacenter", row.id, row.name, row.epoch, inventory.realm)


# ---------------------------------------------------------------------- targets


def _take(  # noqa: PLR0911 - one answer a kind
    step: Step, wish: Wish, inventory: Inventory
) -> _Taken:
    act = step.do.do if isinstance(step.do, ForEach) else step.do
    places = {"lost": wish.lost, "into": wish.into}
    match act:
        case Promote():
            return _databases(act.select, places, inventory, _no_standby)
        case Restore():
            return _databases(act.select, places, inventory, _no_copy)
        case Traffic(what="databases"):
            return _databases(act.select, places, inventory, _nothing)
        case Keep() | Export() | Discard():
            return _databases(act.select, places, came_back(inventory, wish, act), _nothing)
        case Manual(select=Select()):
            return _by_hand(step, act, places, inventory)
        case Place() | Traffic():
            return _applications(act.select, places, inventory)
        case Fence():
            return _Taken((_site(inventory, places[act.datacenter]),))
        case Lift():
            site = places[act.datacenter]
            fenced = waits_behind_fence(site, wish, inventory)
            return _Taken((_site(inventory, site),) if fenced else ())
    return _Taken((Target("tocsin", step.id, step.title, 0, inventory.realm),))


def _by_hand(step: Step, act: Manual, places: Mapping[str, str], inventory: Inventory) -> _Taken:
    """The step is done by people, once, and names what it is about."""
    assert act.select is not None, "it was matched"
    found = _databases(act.select, places, inventory, _nothing).targets
    itself = Target("tocsin", step.id, step.title, 0, inventory.realm)
    return _Taken((itself,) if found else (), tuple((one, BY_HAND) for one in found))


def _no_standby(row: DatabaseSight, into: str) -> str:
    if into in row.standbys:
        return ""
    return f"it has no standby in {into} that may be promoted"


def _no_copy(row: DatabaseSight, into: str) -> str:
    return "" if row.restorable else "no copy of it that is left can be restored"


def _nothing(row: DatabaseSight, into: str) -> str:
    return ""


def _databases(
    select: Select, places: Mapping[str, str], inventory: Inventory, refuse: Any
) -> _Taken:
    rows = [
        row
        for row in inventory.databases
        if row.home == places[select.of]
        and select.plan in {None, row.plan}
        and (select.standby is None or places["into"] not in row.standbys)
    ]
    rows.sort(key=lambda row: (-row.priority, row.name))
    pairs = [
        (
            Target("database", row.id, row.name, row.epoch, inventory.realm),
            refuse(row, places["into"]),
        )
        for row in rows
    ]
    return _Taken(
        tuple(target for target, reason in pairs if not reason),
        tuple((target, reason) for target, reason in pairs if reason),
    )


def _applications(select: Select, places: Mapping[str, str], inventory: Inventory) -> _Taken:
    wanted = {None: (1, 10**6), "one": (1, 1), "more": (2, 10**6)}[select.copies]
    rows = [
        row
        for row in inventory.applications
        if places[select.of] in row.seats_in and wanted[0] <= row.copies <= wanted[1]
    ]
    rows.sort(key=lambda row: (-row.priority, row.name))
    return _Taken(
        tuple(Target("application", row.id, row.name, row.epoch, inventory.realm) for row in rows)
    )


# ---------------------------------------------------------------------- steps


def _planned(step: Step, targets: tuple[Target, ...], places: tuple[Target, Target]) -> PlannedStep:
    repeated = step.do if isinstance(step.do, ForEach) else None
    act = repeated.do if repeated else step.do
    size = repeated.wave if repeated else max(1, len(targets))
    asked = step.approval
    return PlannedStep(
        id=step.id,
        title=step.title,
        kind=Kind(step.kind),
        stage=Stage(step.stage),
        owner=step.owner,
        timeout=step.timeout,
        retries=step.retries,
        on_failure=OnFailure(step.on_failure),
        needs=step.needs,
        params=_params(act.model_dump(mode="json", exclude={"kind"})),
        waves=tuple(_waves(targets, size)),
        undo=step.undo,
        point_of_no_return=step.point_of_no_return,
        approval=Need(asked.role, asked.count, asked.of) if asked else None,
        gate=Gate(repeated.gate.that, repeated.gate.at_least) if repeated else None,
    )


def _params(told: dict[str, Any]) -> dict[str, Any]:
    """What is chosen by no standby is said where it is chosen so: other plans stay as they were."""
    if "select" in told and told["select"] is None:
        del told["select"]
    elif told.get("select") and told["select"].get("standby") is None:
        del told["select"]["standby"]
    return told


def _waves(targets: tuple[Target, ...], size: int) -> Iterable[tuple[Target, ...]]:
    for at in range(0, len(targets), size):
        yield targets[at : at + size]
