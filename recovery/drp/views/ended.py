"""How and when a question to approve a step was over, in the words of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery.drp.approvals.facts import AskState
from recovery.drp.facts import RunState
from recovery.drp.models import Ask
from recovery.drp.queries.approvals import ends_of

ABORTS = frozenset({RunState.ABORTING, RunState.ABORTED})
HOW: Mapping[str, tuple[str, str]] = {
    AskState.USED: ("approved", "It was approved, and its step has begun."),
    AskState.DENIED: ("somebody said no", "Somebody said no to it."),
    AskState.VOID: ("void", "It is void: what was shown has changed since."),
    AskState.EXPIRED: ("nobody was in time", "Nobody was in time; it is asked anew."),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """`at`: None where no entry tells; `how`: in a word or two; `said`: in a sentence."""

    at: datetime | None
    how: str
    said: str


def is_open(row: Ask) -> bool:
    """Whether anybody may still answer it."""
    return row.state == AskState.OPEN and row.round == row.step.round


def ended(row: Ask) -> Ended | None:
    """None while it is open."""
    if is_open(row):
        return None
    at = ends_of([row.pk]).get(str(row.pk))
    if row.state == AskState.VOID and row.step.run.state in ABORTS:
        return Ended(at, "withdrawn", f"It is withdrawn. {row.end_reason}")
    how, said = HOW.get(row.state, ("its step begins anew", "It is over."))
    return Ended(at, how, said)
