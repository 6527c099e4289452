"""That something's time is over in part: told once, by every channel of the team, and kept for the
run's page."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from recovery.alarms.actions import send_message
from recovery.alarms.facts import Audience
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.drp.announcing import Announcement
from recovery.drp.facts import called
from recovery.drp.models import Run


def prefix(run: UUID) -> str:
    """How the keys of a run's announcements begin."""
    return f"drp-time:{run}:"


def heading(run: Run) -> str:
    """A drill is told as one."""
    return f"{run}, a {called(run.mode)}: "


def announce(*, run: Run, told: Announcement, actor: Actor, now: datetime) -> None:
    """Whoever led before may have told it: its key says so."""
    short = hashlib.sha256(told.key.encode()).hexdigest()[:32]
    with control.deciding(actor.epoch):
        send_message(
            key=f"{prefix(run.pk)}{short}",
            audience=Audience.TEAM,
            title=f"{heading(run)}{told.title}",
            body=told.said,
            needs_channel=False,
            actor=actor,
            reason=told.title,
            now=now,
        )
