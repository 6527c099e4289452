"""An operation is a row before it is an act (B8)."""

from __future__ import annotations

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.models import Host, Placement
from recovery.operations.facts import MOVES, UNFINISHED, OperationState, Verb


class Operation(Guarded):
    """One order for one host. Its id is the key that the agent journals before it acts."""

    TYPE = "operation"
    MOVES = MOVES

    verb = models.CharField(max_length=10, choices=[(v, v) for v in Verb])
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in OperationState], default=OperationState.WAITING
    )
    host = models.ForeignKey(Host, models.PROTECT, related_name="operations")
    placement = models.ForeignKey(Placement, models.PROTECT, related_name="operations")
    epoch = models.BigIntegerField()
    urgency = models.IntegerField(default=0)
    held_reason = models.TextField(blank=True)
    requested_at = models.DateTimeField()
    intended_at = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["placement", "verb"],
                condition=models.Q(state__in=sorted(UNFINISHED)),
                name="one_unfinished_operation_per_verb",
            )
        ]
        indexes = [
            models.Index(
                fields=["host", "state"],
                condition=models.Q(state__in=sorted(UNFINISHED)),
                name="unfinished_of_host",
            )
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.placement_id}"
