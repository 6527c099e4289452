"""To which epochs a run's promotions brought databases, from the moment that their rows say so."""

from __future__ import annotations

from collections.abc import Mapping

from recovery.drp.journal import Effect
from recovery.drp.models import Run
from recovery.failover.actions.plans import is_ours
from recovery.failover.models import Failover


def promoted_epochs(run: Run) -> Mapping[str, int]:
    """By the targets' keys: the epoch that each has now, while nobody else changed who leads it.
    What a promotion does on its way, and a lease that follows it, is no drift."""
    rows = Failover.objects.filter(act__startswith=f"{run.pk}/").select_related("database")
    databases = {row.database_id: row.database for row in rows}
    return {
        f"database:{key}": database.epoch
        for key, database in databases.items()
        if is_ours(database, run.pk)
    }


def has_begun(key: str) -> bool:
    """Whether the act of this key has brought anything about that its journal names."""
    return Effect.objects.filter(key=key).exists()
