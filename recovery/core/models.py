"""Rows of control itself: who leads, and that it still does."""

from __future__ import annotations

from django.db import models


class Leader(models.Model):
    """One row: the controller that may decide. `epoch` only rises (B10)."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=120, blank=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_leader")]


class LeaderBeat(models.Model):
    """One row apart from `Leader`, so that a beat never waits for a decision's lock.

    Standbys watch `beat` with their own monotonic clocks; no wall clock is compared.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField(default=0)
    beat = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_leader_beat")]
