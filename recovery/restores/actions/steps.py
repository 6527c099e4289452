"""A restore reaches a phase: its row, a step that stays, and a line in the story. One door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.failover.rounds.telling import tell_of
from recovery.restores.facts import Phase
from recovery.restores.models import Restore, RestoreStep

LINES: Mapping[Phase, str] = {
    Phase.RESTORE: "{row} restores {database} from replica {number} on {host}",
    Phase.SWITCH: "{database} leads on {host} from now on, with everything up to {upto}",
    Phase.DONE: "{row} is over: {database} is written to again on {host}",
    Phase.ABANDONED: "{row} ends, and {database} is not restored by it",
}


def reach(
    row: Restore,
    phase: Phase,
    *,
    changes: Mapping[str, object] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Restore:
    """From the phase that the caller saw; `Conflict` where somebody was first. In the caller's
    transaction."""
    moved = transitions.move(
        row,
        phase,
        changes={"phase_at": now, **(changes or {})},
        actor=actor,
        reason=reason,
        now=now,
    )
    note_step(moved, phase, actor=actor, reason=reason, now=now)
    if phase in LINES:
        said = LINES[phase].format(
            row=moved,
            database=moved.database,
            number=moved.source.number,
            host=moved.host,
            upto=f"{moved.recovered_to:%H:%M:%S} UTC" if moved.recovered_to else "then",
        )
        kind = "restored" if phase is Phase.DONE else "restore"
        tell_of(moved.database, kind, said, why=reason, actor=actor, now=now)
    return moved


def note_step(row: Restore, phase: Phase, *, actor: Actor, reason: str, now: datetime) -> None:
    """The step stands beside the row for good."""
    step = RestoreStep(restore=row, phase=phase, ordinal=row.version, at=now, said=reason)
    transitions.create([step], actor=actor, reason=reason, now=now)
