"""What a plan says would be lost, why a database is restored, and what nobody can prove. Pure.

Invariant: whatever a step restores or promotes is quoted, and nothing else is but the starter
databases there that have a copy elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Doubt, Plan, PlannedStep, Quote
from recovery.drp.planning.inventory import DatabaseSight, Inventory, Wish
from recovery.drp.planning.leaving import BY_HAND
from recovery.drp.runbooks.schema import Runbook

NOTHING = "It loses nothing"
HANDED_OVER = frozenset({Kind.PROMOTE_DATABASES, Kind.SWITCH_TRAFFIC})
"""What becomes of databases whose primaries live, where nothing of them is restored or let go."""


def quotes(
    runbook: Runbook, wish: Wish, inventory: Inventory, steps: Sequence[PlannedStep]
) -> tuple[Quote, ...]:
    """Of what is restored, then of what is promoted."""
    restored = _restored(runbook, wish, inventory, steps)
    return (*restored, *_promoted(wish, inventory, steps))


def loses_nothing(plan: Plan) -> str:
    """Why no data are lost by a plan that quotes nothing; empty where nobody can tell."""
    by_hand = any(one.target.type == "database" and one.reason == BY_HAND for one in plan.left_out)
    if plan.quotes or (by_hand and plan.mode is not Mode.PLANNED):
        return ""
    taken = [
        step
        for step in plan.steps
        if any(target.type == "database" for wave in step.waves for target in wave)
    ]
    if not taken:
        return f"{NOTHING}: this plan moves no database."
    if plan.mode is Mode.PLANNED and all(step.kind in HANDED_OVER for step in taken):
        return f"{NOTHING}: each primary lives, and hands over what it acknowledged."
    return ""


def _restored(
    runbook: Runbook, wish: Wish, inventory: Inventory, steps: Sequence[PlannedStep]
) -> tuple[Quote, ...]:
    """Of every starter database there that has a copy elsewhere, and of what a step restores."""
    restored = _targets(steps, Kind.RESTORE_DATABASES)
    rows = sorted(inventory.databases, key=lambda row: row.name)
    return tuple(
        Quote(
            row.id,
            row.name,
            row.restorable[0],
            row.restorable[1].isoformat(),
            lost_ms=_ms(row.restore_loses),
            reason=_why_restored(row, wish) if row.id in restored else "",
        )
        for row in rows
        if row.restorable is not None
        and (row.id in restored or _is_starter_there(row, runbook, wish))
    )


def _ms(lost: timedelta | None) -> int | None:
    return None if lost is None else round(lost / timedelta(milliseconds=1))


def _why_restored(row: DatabaseSight, wish: Wish) -> str:
    """Empty: a starter database has no standby anywhere."""
    is_business = row.plan == "business" and wish.into not in row.standbys
    return f"it has no standby in {wish.into}" if is_business else ""


def _is_starter_there(row: DatabaseSight, runbook: Runbook, wish: Wish) -> bool:
    return not runbook.is_lossless and row.home == wish.lost and row.plan == "starter"


def _targets(steps: Iterable[PlannedStep], *kinds: Kind) -> frozenset[str]:
    return frozenset(
        target.id for step in steps if step.kind in kinds for wave in step.waves for target in wave
    )


def _promoted(wish: Wish, inventory: Inventory, steps: Iterable[PlannedStep]) -> tuple[Quote, ...]:
    """Of whatever a step promotes: nothing waits for a standby of another datacenter. Who is handed
    over while its primary lives loses nothing."""
    if wish.mode is Mode.PLANNED:
        return ()
    promoted = _targets(steps, Kind.PROMOTE_DATABASES)
    rows = sorted(inventory.databases, key=lambda row: row.name)
    pairs = [(row, one) for row in rows for one in row.copies if one.site == wish.into]
    return tuple(
        Quote(
            row.id,
            row.name,
            one.source,
            one.at.isoformat() if one.at else "",
            way="promote",
            lost_ms=_ms(one.lost),
        )
        for row, one in pairs
        if row.id in promoted
    )


def doubts(wish: Wish, inventory: Inventory, steps: Iterable[PlannedStep]) -> tuple[Doubt, ...]:
    """Of each database there that a step promotes or restores, or that is fenced with its site."""
    named = _targets(steps, Kind.PROMOTE_DATABASES, Kind.RESTORE_DATABASES)
    fenced = _targets(steps, Kind.FENCE_DATACENTER)
    is_fenced = inventory.site(wish.lost).id in fenced
    return tuple(
        Doubt(row.id, row.name, replica, said)
        for row in sorted(inventory.databases, key=lambda row: row.name)
        if row.home == wish.lost and (is_fenced or row.id in named)
        for replica, said in row.doubts
    )
