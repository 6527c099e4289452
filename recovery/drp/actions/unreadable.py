"""What cannot be read rings, and ends nothing: neither another run nor whoever carries them on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.drp.models import Run

PINS = "drp-pins-unreadable"
STOPPED = "drp-plans-stopped"


def ring_unreadable(run: Run, why: str, *, actor: Actor, now: datetime) -> None:
    """Nothing of it goes on until somebody has looked."""
    said = f"{why} It can be aborted all the same: /recovery/runs/{run.number}/abort/"
    _ring(f"drp-unreadable:{run.pk}", f"{run} cannot be carried on", said, actor=actor, now=now)


def ring_pins(why: str, *, actor: Actor, now: datetime) -> None:
    """Nobody's signature counts until the file is whole."""
    _ring(PINS, "The file of pinned keys cannot be read", why, actor=actor, now=now)


def ring_stopped(why: str, *, actor: Actor, now: datetime) -> None:
    """Of no run is it known what follows."""
    _ring(STOPPED, "Recovery plans are not carried on", why, actor=actor, now=now)


def end_unreadable(runs: Collection[UUID], *, has_pins: bool, actor: Actor, now: datetime) -> None:
    """These went on, and perhaps the file of keys is whole again."""
    keys = [f"drp-unreadable:{run}" for run in runs] + ([PINS] if has_pins else [])
    keys += [STOPPED] if runs else []
    with control.deciding(actor.epoch):
        end_alarms(keys=keys, actor=actor, reason="It can be read again.", now=now)


def _ring(key: str, title: str, why: str, *, actor: Actor, now: datetime) -> None:
    with control.deciding(actor.epoch):
        raise_alarm(
            key=key,
            severity=Severity.PAGE,
            title=title,
            body=why,
            incident=None,
            actor=actor,
            reason=why,
            now=now,
        )
