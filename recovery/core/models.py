"""Rows of control itself: who leads, and that it still does."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from recovery.core.guarded import Guarded

INCARNATION_MOVES: Mapping[str, frozenset[str]] = {
    "quarantined": frozenset({"settled"}),
    "settled": frozenset(),
}


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


class Incarnation(Guarded):
    """One life of Tocsin's own rows, on one line of PostgreSQL's log (B11).

    A restored copy, a promoted standby and rows that agents know to be old begin another one. It
    is `quarantined`: nothing is decided, and agents are told nothing, until a person settled it.
    `desired_floor`: every list for an agent is numbered above it.
    """

    TYPE = "incarnation"
    MOVES = INCARNATION_MOVES

    number = models.BigIntegerField(unique=True)
    state = models.CharField(
        max_length=12, choices=[(s, s) for s in INCARNATION_MOVES], default="quarantined"
    )
    system = models.CharField(max_length=20)
    timeline = models.BigIntegerField()
    cause = models.TextField()
    began_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=120, blank=True)
    desired_floor = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"incarnation {self.number}"
