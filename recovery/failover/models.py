"""Leases, failovers and the words of people who vouch."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from recovery.core.guarded import Guarded
from recovery.failover.phases import (
    ENDED,
    PHASE_MOVES,
    VOUCH_MOVES,
    FailoverKind,
    Phase,
    VouchState,
)
from recovery.incidents.models import Incident
from recovery.inventory.models import Database, Datacenter, Host, Replica
from recovery.inventory.models.places import choices


class Lease(Guarded):
    """The one arbiter of who may accept writes of a database (B1): a committed row.

    Granting, revoking and moving it are logged; a renewal writes no entry (I-AU-1's one named
    exception), so this table is not under the trigger that asks for one. `sequence` rises
    within (`epoch`, `incarnation`); `echo` is the newest grant that arrived (B7).
    """

    TYPE = "lease"

    database = models.OneToOneField(Database, models.PROTECT, related_name="lease")
    replica = models.ForeignKey(Replica, models.PROTECT, related_name="leases")
    epoch = models.BigIntegerField()
    incarnation = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)
    echo = models.BigIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    revoked = models.BooleanField(default=False)
    granted_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["replica"], name="lease_of_replica")]

    def __str__(self) -> str:
        return f"lease of {self.database} epoch {self.epoch}"


class Failover(Guarded):
    """One event in which a database gets another primary, or its own again, phase by phase.

    Invariant (I-DB-4): nothing is promoted without `proof`; a constraint holds it too.
    """

    TYPE = "failover"
    STATE = "phase"
    MOVES = PHASE_MOVES

    number = models.BigIntegerField(unique=True)
    database = models.ForeignKey(Database, models.PROTECT, related_name="failovers")
    kind = models.CharField(max_length=12, choices=choices(FailoverKind))
    phase = models.CharField(max_length=10, choices=choices(Phase), default=Phase.ANALYSE)
    cause = models.TextField()
    waiting_for = models.TextField(blank=True)
    old_epoch = models.BigIntegerField()
    new_epoch = models.BigIntegerField(null=True)
    source = models.ForeignKey(Replica, models.PROTECT, related_name="failovers_from")
    target = models.ForeignKey(Replica, models.PROTECT, null=True, related_name="failovers_to")
    host = models.ForeignKey(Host, models.PROTECT, related_name="failovers")
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="failovers")
    proof = models.JSONField(null=True)
    candidates = models.JSONField(default=list)
    loss = models.JSONField(default=dict)
    wanted = models.ForeignKey(Replica, models.PROTECT, null=True, related_name="wanted_by")
    attempts = models.IntegerField(default=0)
    tried = models.JSONField(default=list)
    called_off = models.CharField(max_length=120, blank=True)
    act = models.CharField(max_length=240, blank=True)
    """The key of the recovery plan's act that wants it, or of the word of people at its page (then
    `authority` holds what they were shown); empty: none does."""
    authority = models.JSONField(default=dict)

    happened_at = models.DateTimeField()
    began_at = models.DateTimeField()
    analysed_at = models.DateTimeField(null=True)
    fenced_at = models.DateTimeField(null=True)
    elected_at = models.DateTimeField(null=True)
    promoted_at = models.DateTimeField(null=True)
    repointed_at = models.DateTimeField(null=True)
    redirected_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(
                fields=["database"],
                condition=~models.Q(phase__in=sorted(ENDED)),
                name="one_unfinished_failover_per_database",
            ),
            models.CheckConstraint(
                condition=models.Q(promoted_at=None) | models.Q(proof__isnull=False),
                name="no_promotion_without_a_proof",
            ),
            models.CheckConstraint(
                condition=models.Q(new_epoch=None) | models.Q(new_epoch__gt=models.F("old_epoch")),
                name="a_failover_raises_the_epoch",
            ),
            models.UniqueConstraint(
                fields=["database", "new_epoch"], name="one_failover_per_epoch"
            ),
            models.UniqueConstraint(
                fields=["act"], condition=~models.Q(act=""), name="one_failover_per_act"
            ),
        ]
        indexes = [models.Index(fields=["database", "-began_at"], name="failovers_of")]

    def __str__(self) -> str:
        return f"FO-{self.number:04d}"


FENCE_MOVES: Mapping[str, frozenset[str]] = {
    "standing": frozenset({"lifted"}),
    "lifted": frozenset(),
}


class Fence(Guarded):
    """A datacenter in which nothing may run and no database may be written to, until a person lifts
    it. While it stands no lease of a host there is renewed: its row is what ends them (B1).

    `key`: of the plan's act that did it; `proofs`: of each database that is proven, what it rests
    on; `told`: what is not, host by host; `proven_at`: when everything that can be was."""

    TYPE = "fence"
    MOVES = FENCE_MOVES

    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="fences")
    key = models.CharField(max_length=240, unique=True)
    state = models.CharField(
        max_length=8, choices=[(s, s) for s in FENCE_MOVES], default="standing"
    )
    run = models.UUIDField()
    run_name = models.CharField(max_length=20)
    step = models.CharField(max_length=40)
    by = models.CharField(max_length=120)
    reason = models.TextField()
    proofs = models.JSONField(default=list)
    told = models.TextField(blank=True)
    fenced_at = models.DateTimeField()
    proven_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=120, blank=True)
    lift_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("fenced_at",)
        indexes = [
            models.Index(
                fields=["datacenter"],
                condition=models.Q(state="standing"),
                name="standing_fences",
            )
        ]

    def __str__(self) -> str:
        return f"fence of {self.datacenter} by {self.run_name}"


PURPOSES = ("promote", "redeploy", "restore", "choose")


class Vouch(Guarded):
    """Two people's word that the old primary cannot be written to (I-DB-4), or about where its
    database goes on: single use.

    `requested_by` and `given_by` are never the same; both typed the database's name.
    """

    TYPE = "vouch"
    MOVES = VOUCH_MOVES

    database = models.ForeignKey(Database, models.PROTECT, related_name="vouches")
    epoch = models.BigIntegerField()
    purpose = models.CharField(max_length=10, choices=[(one, one) for one in PURPOSES])
    host = models.ForeignKey(Host, models.PROTECT, null=True, related_name="vouches")
    """Where a `redeploy` goes with the disk, or a `restore` without; whose copy a `choose` is
    about."""
    risk = models.TextField()
    state = models.CharField(max_length=10, choices=choices(VouchState), default=VouchState.ASKED)
    requested_by = models.CharField(max_length=120)
    requested_at = models.DateTimeField()
    request_reason = models.TextField()
    given_by = models.CharField(max_length=120, blank=True)
    given_at = models.DateTimeField(null=True)
    give_reason = models.TextField(blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    failover = models.ForeignKey(Failover, models.PROTECT, null=True, related_name="vouches")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(given_by=models.F("requested_by")),
                name="two_people_vouch",
            ),
            models.CheckConstraint(
                condition=models.Q(used_at=None) | models.Q(given_at__isnull=False),
                name="used_after_it_was_given",
            ),
            models.UniqueConstraint(
                fields=["database", "purpose"],
                condition=models.Q(state__in=["asked", "given"]),
                name="one_open_vouch",
            ),
        ]
