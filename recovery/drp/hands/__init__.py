"""Who does what a step orders. A kind without a hand is in no run but a simulation.

Invariant: each keeps its keys where a crash leaves them: in rows of its own, or, of a look,
nowhere, because nothing is changed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.drp.executing import Hand
from recovery.drp.facts import Kind, Mode
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.by_hand import ByHand
from recovery.drp.hands.calling import Calling
from recovery.drp.hands.drilling import DrillWatching, Staging, Would
from recovery.drp.hands.exporting import Exporting
from recovery.drp.hands.fencing import Fencing
from recovery.drp.hands.freezing import Freezing
from recovery.drp.hands.moving import Moving
from recovery.drp.hands.placing import Placing
from recovery.drp.hands.promoting import Promoting
from recovery.drp.hands.restoring import Restoring
from recovery.drp.hands.returning import Discarding, Keeping, Lifting
from recovery.drp.hands.switching import Switching
from recovery.drp.hands.telling import Telling
from recovery.drp.hands.watching import Watching
from recovery.drp.looking import World
from recovery.drp.models import Run
from recovery.drp.queries.runs import plan_of
from recovery.drp.sights import Order
from recovery.restores.queries import Leases

Maker = Callable[[Bench], Hand]
"""Makes the hand of one kind for one round."""


def _watching(bench: Bench) -> Hand:
    return Watching(bench.step, bench.world, bench.monotonic, bench.waiting)


def _placing(bench: Bench) -> Hand:
    """What lives is moved; what is gone is started elsewhere."""
    return Moving(bench) if bench.plan.mode is Mode.PLANNED else Placing(bench)


MAKERS: Mapping[Kind, Maker] = {
    Kind.CHECK: _watching,
    Kind.WAIT_UNTIL: _watching,
    Kind.VERIFY: _watching,
    Kind.MANUAL: lambda bench: ByHand(),
    Kind.APPROVAL: lambda bench: ByHand(),
    Kind.FREEZE_AUTOMATION: Freezing,
    Kind.RESTORE_DATABASES: Restoring,
    Kind.PLACE_APPLICATIONS: _placing,
    Kind.SWITCH_TRAFFIC: Switching,
    Kind.FENCE_DATACENTER: Fencing,
    Kind.PROMOTE_DATABASES: Promoting,
    Kind.LIFT_FENCE: Lifting,
    Kind.KEEP_COPIES: Keeping,
    Kind.EXPORT_COPIES: Exporting,
    Kind.DISCARD_COPIES: Discarding,
    Kind.NOTIFY: Telling,
    Kind.WEBHOOK: Calling,
}
"""One line a kind."""
DRILL_MAKERS: Mapping[Kind, Maker] = {
    Kind.CHECK: DrillWatching,
    Kind.WAIT_UNTIL: DrillWatching,
    Kind.VERIFY: DrillWatching,
    Kind.MANUAL: lambda bench: ByHand(),
    Kind.APPROVAL: lambda bench: ByHand(),
    Kind.FREEZE_AUTOMATION: Would,
    Kind.FENCE_DATACENTER: Would,
    Kind.SWITCH_TRAFFIC: Would,
    Kind.LIFT_FENCE: Would,
    Kind.KEEP_COPIES: Would,
    Kind.EXPORT_COPIES: Would,
    Kind.DISCARD_COPIES: Would,
    Kind.NOTIFY: Would,
    Kind.WEBHOOK: Would,
    Kind.PROMOTE_DATABASES: Staging,
    Kind.RESTORE_DATABASES: Staging,
    Kind.PLACE_APPLICATIONS: Staging,
}
"""In a drill no hand of production is even made. In place of a promotion, a copy is restored."""


def hands_of(
    run: Run,
    world: Callable[[Order], World],
    *,
    waiting: dict[str, float],
    actor: Actor,
    now: datetime,
    monotonic: Callable[[], float],
    leases: Callable[[], Leases] = Leases,
) -> Mapping[Kind, Hand]:
    """Of one run, for one round of the leader."""
    bench = Bench(run, plan_of(run), world, actor, now, monotonic, waiting, leases)
    makers = DRILL_MAKERS if bench.plan.mode is Mode.DRILL else MAKERS
    return {kind: make(bench) for kind, make in makers.items()}
