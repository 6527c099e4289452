"""What happened, what belongs together, and the story of it."""

from __future__ import annotations

from django.db import models

from recovery.core.guarded import Guarded
from recovery.incidents.facts import MOVES, UNRESOLVED, IncidentState, MemberKind


class Incident(Guarded):
    """One thing that went wrong in one failure domain, with everything that it hurt.

    `domain` names it uniquely while it is unresolved ("host:…", "rack:…", "datacenter:…",
    "control:blind"), so that a second loss in the same place joins instead of opening another.
    `joined`: it turned out to be a part of that one, which has its members from then on.
    """

    TYPE = "incident"
    MOVES = MOVES

    number = models.BigIntegerField(unique=True)
    state = models.CharField(
        max_length=14, choices=[(s, s) for s in IncidentState], default=IncidentState.OPEN
    )
    domain = models.CharField(max_length=120)
    title = models.CharField(max_length=300)
    summary = models.TextField(blank=True)
    happened_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=120, blank=True)
    mitigated_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    joined = models.ForeignKey("self", models.PROTECT, null=True, related_name="parts")

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(
                fields=["domain"],
                condition=models.Q(state__in=sorted(UNRESOLVED)),
                name="one_unresolved_incident_per_domain",
            )
        ]

    def __str__(self) -> str:
        return f"INC-{self.number:04d}"

    @property
    def whole(self) -> Incident:
        """The incident that this one turned out to be a part of, or itself."""
        return self if self.joined is None else self.joined.whole


class Member(models.Model):
    """A host or service that belongs to an incident; whole again when `whole_at` is set."""

    id = models.BigAutoField(primary_key=True)
    incident = models.ForeignKey(Incident, models.PROTECT, related_name="members")
    kind = models.CharField(max_length=12, choices=[(k, k) for k in MemberKind])
    object_id = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    is_cause = models.BooleanField(default=False)
    since = models.DateTimeField()
    whole_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "kind", "object_id"], name="member_once")
        ]


class TimelineEntry(models.Model):
    """A line of the story. Never changed: a correction is a new line."""

    id = models.BigAutoField(primary_key=True)
    incident = models.ForeignKey(Incident, models.PROTECT, related_name="timeline")
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    kind = models.CharField(max_length=30)
    said = models.CharField(max_length=300)
    why = models.TextField(blank=True)
    actor = models.CharField(max_length=120)
    tone = models.CharField(max_length=8, blank=True)

    class Meta:
        ordering = ("-happened_at", "-id")
