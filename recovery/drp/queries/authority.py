"""What goes on in a pause of automation: only what people approved, and only while it is under way.

Invariant: a run stands above a pause for exactly what its intended acts began; whatever is done by
itself, and whatever another act would do, waits.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from recovery.drp.facts import ENDED, ActState, Mode
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.failover.models import Failover
from recovery.failover.phases import ENDED as OVER
from recovery.inventory.models import Placement
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation

UNTOLD = (ActState.INTENDED, ActState.UNKNOWN)
REAL = (Mode.PLANNED, Mode.DISASTER)


def restores_above_pause() -> frozenset[UUID]:
    """Restores that an act of a run began and waits for."""
    return _begun(EffectKind.RESTORE)


def operations_above_pause() -> frozenset[UUID]:
    """What waits for the governor, of what these runs began: also a second seat of a container
    whose first one did not start, the stop of the one that it takes over from, and the stop of what
    people took back."""
    waiting = Operation.objects.filter(state=OperationState.WAITING)
    restores = [str(pk) for pk in restores_above_pause()]
    seats = Placement.objects.filter(pk__in=_begun(EffectKind.SEAT))
    keys = list(_untold().values_list("key", flat=True))
    promoting = Failover.objects.filter(act__in=keys).exclude(phase__in=sorted(OVER))
    undone = Effect.objects.filter(kind=EffectKind.UNDONE)
    found = waiting.filter(
        Q(params__restore__in=restores)
        | Q(verb=Verb.STOP, placement__in=undone.values("object"))
        | Q(params__plan__act__in=keys)
        | Q(verb=Verb.REJOIN, replica__in=_begun(EffectKind.RELEASED))
        | Q(replica__database__in=promoting.values("database"))
        | Q(
            verb__in=[Verb.START, Verb.STOP],
            placement__container__in=seats.values("container"),
        )
    )
    return frozenset(found.values_list("pk", flat=True))


def seats_above_pause() -> frozenset[str]:
    """Seats that a planned move has placed beside a copy that lives: rescheduling, which knows of
    no move, would withdraw each because the old one answers."""
    return frozenset(map(str, _begun(EffectKind.SEAT, [Mode.PLANNED])))


def _untold(modes: Collection[Mode] = REAL) -> QuerySet[Act]:
    acts = Act.objects.filter(state__in=UNTOLD, step__run__mode__in=modes)
    return acts.exclude(step__run__state__in=sorted(ENDED))


def _begun(kind: EffectKind, modes: Collection[Mode] = REAL) -> frozenset[UUID]:
    rows = Effect.objects.filter(kind=kind, key__in=_untold(modes).values("key"))
    return frozenset(rows.values_list("object", flat=True))
