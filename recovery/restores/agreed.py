"""What people agreed to, held against what there is by now. Pure."""

from __future__ import annotations

from datetime import datetime

from recovery.backups.words import instant, spoken
from recovery.restores.decide import SLACK
from recovery.restores.facts import Choice


def refuse_less(choice: Choice, quoted: datetime) -> str:
    """Why this choice would lose more than people agreed to; empty where it does not."""
    found = choice.source
    if found is None or found.at is None or found.at >= quoted - SLACK:
        return ""
    return (
        f"Replica {found.number} goes to {instant(found.at)} only, {spoken(quoted - found.at)} less"
        " than what was agreed to."
    )
