"""An operation is a row before it is an act (B8)."""

from __future__ import annotations

from django.db import models
from django.db.models.fields.json import KT

from recovery.core.guarded import Guarded
from recovery.inventory.models import Host, Placement, Replica
from recovery.operations.facts import MOVES, UNFINISHED, OperationState, Verb


class Operation(Guarded):
    """One order for one host, about one seat or one replica. Its id is the key that the agent
    journals before it acts.

    `database_epoch`, `params`: what an act on a replica was decided with; `receipt`: the host's
    signed proof of a closed gate, verified before it is written.
    """

    TYPE = "operation"
    MOVES = MOVES

    verb = models.CharField(max_length=10, choices=[(v, v) for v in Verb])
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in OperationState], default=OperationState.WAITING
    )
    host = models.ForeignKey(Host, models.PROTECT, related_name="operations")
    placement = models.ForeignKey(Placement, models.PROTECT, null=True, related_name="operations")
    replica = models.ForeignKey(Replica, models.PROTECT, null=True, related_name="operations")
    database_epoch = models.BigIntegerField(default=0)
    params = models.JSONField(default=dict)
    receipt = models.CharField(max_length=120, blank=True)
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
            ),
            models.UniqueConstraint(
                fields=["replica", "verb", "database_epoch"],
                condition=models.Q(state__in=sorted(UNFINISHED)),
                name="one_unfinished_act_per_replica",
            ),
            models.CheckConstraint(
                condition=models.Q(placement__isnull=False, replica__isnull=True)
                | models.Q(placement__isnull=True, replica__isnull=False),
                name="about_a_seat_or_a_replica",
            ),
        ]
        indexes = [
            models.Index(
                fields=["host", "state"],
                condition=models.Q(state__in=sorted(UNFINISHED)),
                name="unfinished_of_host",
            ),
            models.Index(KT("params__restore"), name="operations_of_restore"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.placement_id or self.replica_id}"
