"""Databases, their replicas, who was primary in which epoch, and what agents see of each."""

from __future__ import annotations

from django.db import models

from recovery.core import vault
from recovery.core.guarded import Guarded
from recovery.inventory.facts import (
    DATABASE_MOVES,
    REPLICA_MOVES,
    DatabaseState,
    Durability,
    Plan,
    Profile,
    ReplicaState,
    Role,
    StandbyLoss,
)
from recovery.inventory.models.places import Datacenter, Host, choices


class Database(Guarded):
    """One logical service. `epoch` only rises; `primary` is set while writes may go somewhere.

    `routed_epoch`: the epoch that users are led to. `degraded_at`: acknowledged writes may be on
    the primary alone, and nobody is promoted; `restoring_at`: they wait for the standby again,
    and the record ends once that was seen (I-DB-2). `adopting`: the restore whose data its primary
    has to lead this epoch with; until they serve, nobody else takes over and nothing is restarted.

    `secret` is shared with its members' hosts alone; its row holds it sealed (K1), and the log
    writes it as "redacted" (I-AU-4).
    """

    TYPE = "database"
    MOVES = DATABASE_MOVES

    name = models.CharField(max_length=63, unique=True)
    about = models.CharField(max_length=200, blank=True)
    engine = models.CharField(max_length=20)
    engine_version = models.CharField(max_length=20, blank=True)
    plan = models.CharField(max_length=10, choices=choices(Plan))
    durability = models.CharField(max_length=14, choices=choices(Durability))
    profile = models.CharField(max_length=10, choices=choices(Profile), default=Profile.STANDARD)
    unproven_gaps_by = models.CharField(max_length=120, blank=True)
    standby_loss = models.CharField(
        max_length=10, choices=choices(StandbyLoss), default=StandbyLoss.DEGRADE
    )
    priority = models.IntegerField(default=50)
    settings = models.JSONField(default=dict)
    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="databases")
    port = models.IntegerField()
    edge_port = models.IntegerField(null=True, unique=True)
    sealed_secret = models.TextField()

    epoch = models.BigIntegerField(default=1)
    state = models.CharField(
        max_length=12, choices=choices(DatabaseState), default=DatabaseState.MAKING
    )
    state_at = models.DateTimeField()
    state_reason = models.TextField(blank=True)
    primary = models.ForeignKey("Replica", models.PROTECT, null=True, related_name="leads")
    routed_epoch = models.BigIntegerField(default=0)
    routed_at = models.DateTimeField(null=True)
    adopting = models.UUIDField(null=True)
    degraded_at = models.DateTimeField(null=True)
    restoring_at = models.DateTimeField(null=True)
    degraded_reason = models.TextField(blank=True)
    failed_over_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    blocked_by = models.CharField(max_length=120, blank=True)
    unblocked_by = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=models.Q(epoch__gte=1), name="epochs_begin_at_one"),
            models.CheckConstraint(
                condition=models.Q(port__range=(1, 65535)), name="database_port_is_a_port"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """What its members share, opened with the key of this control plane."""
        return vault.unseal(self.sealed_secret, about=f"database {self.pk}")

    def keep_secret(self, secret: str) -> None:
        """For a row that is about to be made."""
        self.sealed_secret = vault.seal(secret, about=f"database {self.pk}")


class Replica(Guarded):
    """One copy of a database on one host: `role` is what was decided, a sight what is seen."""

    TYPE = "replica"
    MOVES = REPLICA_MOVES

    database = models.ForeignKey(Database, models.PROTECT, related_name="replicas")
    host = models.ForeignKey(Host, models.PROTECT, related_name="replicas")
    number = models.IntegerField()
    port = models.IntegerField()
    role = models.CharField(max_length=10, choices=choices(Role))
    state = models.CharField(
        max_length=12, choices=choices(ReplicaState), default=ReplicaState.MEMBER
    )
    may_be_promoted = models.BooleanField(default=True)
    reason = models.TextField(blank=True)
    role_at = models.DateTimeField()

    class Meta:
        ordering = ("database__name", "number")
        constraints = [
            models.UniqueConstraint(
                fields=["database"],
                condition=models.Q(role=Role.PRIMARY) & ~models.Q(state=ReplicaState.RETIRED),
                name="one_primary_per_database",
            ),
            models.UniqueConstraint(
                fields=["database", "host"],
                condition=~models.Q(state=ReplicaState.RETIRED),
                name="one_replica_per_database_and_host",
            ),
            models.UniqueConstraint(
                fields=["host", "port"],
                condition=~models.Q(state=ReplicaState.RETIRED),
                name="one_replica_per_port",
            ),
            models.UniqueConstraint(fields=["database", "number"], name="replica_once"),
        ]

    def __str__(self) -> str:
        return f"{self.database}-{self.number}"


class Epoch(Guarded):
    """Who may be primary of a database in this epoch, and why it began (I-DB-3)."""

    TYPE = "epoch"

    database = models.ForeignKey(Database, models.PROTECT, related_name="epochs")
    number = models.BigIntegerField()
    replica = models.ForeignKey(Replica, models.PROTECT, null=True, related_name="epochs")
    reason = models.TextField()
    began_at = models.DateTimeField()

    class Meta:
        ordering = ("database", "-number")
        constraints = [
            models.UniqueConstraint(fields=["database", "number"], name="epoch_once"),
        ]

    def __str__(self) -> str:
        return f"{self.database} epoch {self.number}"


class ReplicaSight(models.Model):
    """The newest word of its agent about a replica, overwritten: nothing of it is history.

    `heard` rises with every report: who decides times it on a clock of its own (B2).
    """

    replica = models.OneToOneField(Replica, models.PROTECT, primary_key=True, related_name="sight")
    at = models.DateTimeField()
    heard = models.BigIntegerField(default=1)
    state = models.CharField(max_length=10)
    role = models.CharField(max_length=10)
    epoch = models.BigIntegerField()
    is_writable = models.BooleanField()
    position = models.BigIntegerField()
    fact = models.JSONField()
