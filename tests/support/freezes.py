"""A freeze as a run of a recovery plan makes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from recovery.detection.facts import Part
from recovery.detection.freezes import Cause, freeze_automation
from recovery.detection.models import Freeze
from tests.support.fleet import BY, NOW


def freeze(
    parts: Sequence[Part] = tuple(Part),
    now: datetime = NOW,
    run_name: str = "DRP-0007",
    reason: str = "PAR1 burns.",
) -> Freeze:
    """Of this run, for amelie."""
    run = uuid4()
    return freeze_automation(
        cause=Cause(f"{run}/freeze/tocsin:freeze/1", run, run_name, "freeze", "amelie"),
        parts=parts,
        actor=BY,
        reason=reason,
        now=now,
    )
