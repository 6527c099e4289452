"""For migrations: what stood in rows as it was is sealed, each change with its audit entry."""

from __future__ import annotations

from django.db.models import Model

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.core import clock, vault


def seal_rows(model: type[Model], kind: str) -> None:
    """Each row's `sealed_secret`, still as it was typed, becomes what its name says."""
    actor, now = Actor("command", "migrate"), clock.system.now()
    for row in model._default_manager.all():
        key, version, plain = (getattr(row, name) for name in ("pk", "version", "sealed_secret"))
        entry = Entry(
            action="secret sealed",
            object_type=kind,
            object_id=str(key),
            object_version=version + 1,
            actor=actor,
            reason="Its secret stood in its row as it is.",
            at=now,
        )
        append_entries([entry])
        sealed = vault.seal(plain, about=f"{kind} {key}")
        changes = {"sealed_secret": sealed, "version": version + 1}
        model._default_manager.filter(pk=key).update(**changes)
