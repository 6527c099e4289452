"""Outages, and the newest word of the prober about each application."""

from __future__ import annotations

from django.db import models

from recovery.core.guarded import Guarded
from recovery.incidents.models import Incident
from recovery.inventory.models import Application
from recovery.traffic.facts import OUTAGE_MOVES, Answer, OutageState


class Outage(Guarded):
    """A time in which an application answered nobody, seen from where its users stand."""

    TYPE = "outage"
    MOVES = OUTAGE_MOVES

    application = models.ForeignKey(Application, models.PROTECT, related_name="outages")
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in OutageState], default=OutageState.OPEN
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    is_begin_seen = models.BooleanField(default=True)
    """False: nobody saw it answer just before, so it may have begun earlier."""
    is_end_seen = models.BooleanField(default=True)
    """False: it could not be asked any more then, and lasted at least until then."""
    cause = models.TextField(blank=True)
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="outages")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=models.Q(state=OutageState.OPEN),
                name="one_open_outage_per_application",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("started_at")),
                name="outage_ends_after_it_began",
            ),
        ]
        indexes = [models.Index(fields=["application", "started_at"], name="outages_of")]

    def __str__(self) -> str:
        return f"{self.application} since {self.started_at:%H:%M:%S}"


class Pulse(models.Model):
    """The prober's newest word, overwritten every second: nothing of it is history.

    Older than a few seconds it means *unknown*, whatever it says. `since`: from then on until `at`
    no moment was missed.
    """

    application = models.OneToOneField(
        Application, models.CASCADE, primary_key=True, related_name="pulse"
    )
    at = models.DateTimeField()
    since = models.DateTimeField(null=True)
    asked = models.IntegerField()
    answered = models.IntegerField()
    unknown = models.IntegerField()
    latency_ms = models.FloatField()
    last = models.CharField(max_length=10, choices=[(a, a) for a in Answer])
