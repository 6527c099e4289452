"""Rows that a description names: made, or brought up to date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.guarded import Guarded

Row = TypeVar("Row", bound=Guarded)


def register(
    model: type[Row],
    key: Mapping[str, object],
    fields: Mapping[str, object],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Row:
    """The row of this key with these fields; writes only what differs."""
    row = model._default_manager.filter(**key).first()
    if row is None:
        return transitions.create([model(**key, **fields)], actor=actor, reason=reason, now=now)[0]
    changes = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if not changes:
        return row
    return transitions.amend(row, changes, action="described", actor=actor, reason=reason, now=now)
