"""How a runbook comes into force. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RunbookState(StrEnum):
    """`active`: a second person looked at it and said so."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


RUNBOOK_MOVES: Mapping[str, frozenset[str]] = {
    RunbookState.DRAFT: frozenset({"active", "retired"}),
    RunbookState.ACTIVE: frozenset({"retired"}),
    RunbookState.RETIRED: frozenset(),
}
