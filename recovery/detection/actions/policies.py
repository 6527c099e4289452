"""A new version of the thresholds that deciders go by."""

from __future__ import annotations

from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.detection.models import PolicyVersion
from recovery.detection.policy import Policy


def set_policy(*, policy: Policy, actor: Actor, reason: str, now: datetime) -> PolicyVersion:
    """A new version of the thresholds; deciders read it within a second."""
    newest = PolicyVersion.objects.first()
    number = newest.number + 1 if newest else 2
    row = PolicyVersion(
        number=number,
        figures=policy.as_json() | {"version": number},
        set_at=now,
        set_by=actor.id,
    )
    return transitions.create([row], actor=actor, reason=reason, now=now)[0]
