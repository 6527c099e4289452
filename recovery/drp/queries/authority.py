"""What goes on in a pause of automation: only what people approved, and only while it is under way.

Invariant: a run stands above a pause for exactly what its intended acts began; whatever is done by
itself, and whatever another act would do, waits.
"""

from __future__ import annotations

from uuid import UUID

from recovery.drp.facts import ENDED, ActState, Mode
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation

UNTOLD = (ActState.INTENDED, ActState.UNKNOWN)
REAL = (Mode.PLANNED, Mode.DISASTER)


def restores_above_pause() -> frozenset[UUID]:
    """Restores that an act of a run began and waits for."""
    keys = Act.objects.filter(state__in=UNTOLD, step__run__mode__in=REAL)
    keys = keys.exclude(step__run__state__in=sorted(ENDED))
    rows = Effect.objects.filter(kind=EffectKind.RESTORE, key__in=keys.values("key"))
    return frozenset(rows.values_list("object", flat=True))


def operations_above_pause() -> frozenset[UUID]:
    """What waits for the governor, of what these runs began."""
    waiting = Operation.objects.filter(state=OperationState.WAITING)
    restores = [str(pk) for pk in restores_above_pause()]
    return frozenset(waiting.filter(params__restore__in=restores).values_list("pk", flat=True))
