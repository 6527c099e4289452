"""Alarms for what a database waits with: rung while it holds, ended with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery.alarms import actions as alarms
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.failover.rounds.telling import story_of
from recovery.inventory.models import Database

PREFIX = "database:"
NOTICES = frozenset({"cp-blind", "held", "not-verified"})
"""Conditions under which users are served, or somebody was told already."""
TITLES: Mapping[str, str] = {
    "cp-blind": "{name}: Tocsin does not see its primary, its standby does",
    "unprotected": "{name}: no standby, its writes wait",
    "no-candidate": "{name}: no standby is safe to promote",
    "no-proof": "{name}: nothing proves that its old primary is closed",
    "no-primary": "{name} has no primary",
    "blocked": "{name}: a second failover within the hour waits for a person",
    "storm": "{name}: a storm, a person decides about its failover",
    "held": "{name}: its failover waits",
    "unjudged": "{name} cannot be judged: it would not be failed over",
    "promotion-unknown": "{name}: it is not known whether its standby was promoted",
    "not-verified": "{name}: no write of a user was acknowledged since its failover",
    "not-rejoined": "{name}: its old primary could not rejoin",
    "waiting": "{name} is down and waits for its host or a person",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One database's standing condition, by name, with its sentence."""

    database: Database
    name: str
    reason: str

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.database.pk}:{self.name}"


def unended_keys() -> set[str]:
    """The conditions that ring or were acknowledged."""
    rows = Alarm.objects.filter(key__startswith=PREFIX).exclude(state=AlarmState.ENDED)
    return set(rows.values_list("key", flat=True))


def ring(condition: Condition, *, actor: Actor, now: datetime) -> None:
    """Raise its alarm unless it stands already."""
    alarms.raise_alarm(
        key=condition.key,
        severity=Severity.NOTICE if condition.name in NOTICES else Severity.PAGE,
        title=TITLES[condition.name].format(name=condition.database),
        body=condition.reason,
        incident=story_of(condition.database),
        actor=actor,
        reason=condition.reason,
        now=now,
    )


def end(keys: set[str], *, actor: Actor, now: datetime) -> None:
    """They hold no more."""
    alarms.end_alarms(
        keys=sorted(keys), actor=actor, reason="The condition holds no more.", now=now
    )
