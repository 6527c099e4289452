"""To which epochs a run's promotions brought databases, from the moment that their rows say so."""

from __future__ import annotations

from collections.abc import Mapping

from recovery.drp.journal import Effect
from recovery.drp.models import Run
from recovery.failover.models import Failover


def promoted_epochs(run: Run) -> Mapping[str, int]:
    """By the targets' keys: the epoch that each has now, while nobody else changed who leads it.
    What a promotion does on its way, and a lease that follows it, is no drift."""
    ours = Failover.objects.filter(act__startswith=f"{run.pk}/").values("database")
    rows = Failover.objects.filter(database__in=ours).select_related("database")
    newest = rows.order_by("database_id", "-number").distinct("database_id")
    return {
        f"database:{row.database_id}": row.database.epoch
        for row in newest
        if row.act.startswith(f"{run.pk}/")
    }


def has_begun(key: str) -> bool:
    """Whether the act of this key has brought anything about that its journal names."""
    return Effect.objects.filter(key=key).exists()
