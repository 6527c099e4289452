"""Restores, the steps that each took, what agents say of them, and what no row asked for."""

from __future__ import annotations

from django.db import models

from recovery.backups.models import BackupReplica
from recovery.core.guarded import Guarded
from recovery.failover.models import Vouch
from recovery.inventory.models import Database, Host
from recovery.inventory.models.places import choices
from recovery.restores.facts import ENDED, PHASE_MOVES, Phase
from recovery.restores.motion import Course


class Restore(Guarded):
    """One restore of a database from `source` to `host`, by two people's word (I-DB-7). `in_place`:
    `host` is its own, and it serves until what was restored takes its place.

    `quoted`: the newest moment that `source` held when it was asked for; `to`: the moment asked
    for, None the newest; `old_epoch`, `old_host`: as both saw the database. `recovered_to`,
    `canary_at`, `bytes`, `seconds`, `speed`: what the agent read back."""

    TYPE = "restore"
    STATE = "phase"
    MOVES = PHASE_MOVES

    number = models.BigIntegerField(unique=True)
    database = models.ForeignKey(Database, models.PROTECT, related_name="restores")
    source = models.ForeignKey(BackupReplica, models.PROTECT, related_name="restores")
    host = models.ForeignKey(Host, models.PROTECT, related_name="restores")
    vouch = models.OneToOneField(Vouch, models.PROTECT, related_name="restore")
    phase = models.CharField(max_length=10, choices=choices(Phase), default=Phase.ASKED)
    phase_at = models.DateTimeField()
    why = models.TextField()
    old_host = models.CharField(max_length=80)
    old_epoch = models.BigIntegerField()
    new_epoch = models.BigIntegerField(null=True)
    quoted = models.DateTimeField()
    to = models.DateTimeField(null=True)
    in_place = models.BooleanField(default=False)
    called_off = models.CharField(max_length=120, blank=True)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField(blank=True)
    recovered_to = models.DateTimeField(null=True)
    canary_at = models.DateTimeField(null=True)
    bytes = models.BigIntegerField(default=0)
    seconds = models.FloatField(null=True)
    speed = models.FloatField(null=True)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(
                fields=["database"],
                condition=~models.Q(phase__in=sorted(ENDED)),
                name="one_unfinished_restore_per_database",
            ),
            models.CheckConstraint(
                condition=models.Q(new_epoch=None)
                | models.Q(new_epoch__gt=models.F("old_epoch"), recovered_to__isnull=False),
                name="a_restore_switches_proven_data_at_a_higher_epoch",
            ),
            models.CheckConstraint(
                condition=~models.Q(phase="done") | models.Q(new_epoch__isnull=False),
                name="a_restore_is_done_after_its_switch",
            ),
        ]

    def __str__(self) -> str:
        return f"RS-{self.number:04d}"


class RestoreStep(Guarded):
    """A phase that a restore reached, and why. Never changed. `ordinal`: the version of the row of
    its restore at which it did."""

    TYPE = "restore step"

    restore = models.ForeignKey(Restore, models.PROTECT, related_name="steps")
    phase = models.CharField(max_length=10, choices=choices(Phase))
    ordinal = models.BigIntegerField()
    at = models.DateTimeField()
    said = models.TextField()

    class Meta:
        ordering = ("ordinal",)
        constraints = [
            models.UniqueConstraint(fields=["restore", "ordinal"], name="restore_step_once"),
        ]

    def __str__(self) -> str:
        return f"{self.restore} {self.phase}"


class RestoreSight(models.Model):
    """The newest word of the agent that is at it, overwritten: progress for people. From `moved_at`
    on: where it and those before it led to (motion.py)."""

    restore = models.OneToOneField(Restore, models.CASCADE, primary_key=True, related_name="sight")
    at = models.DateTimeField()
    phase = models.CharField(max_length=40)
    done = models.BigIntegerField()
    total = models.BigIntegerField()
    speed = models.FloatField()
    left_ms = models.BigIntegerField()
    moved_at = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)
    furthest = models.IntegerField(default=0)
    asked = models.IntegerField(default=1)
    begun = models.IntegerField(default=0)
    broke_at = models.DateTimeField(null=True)

    @property
    def course(self) -> Course:
        """Of one that an older version wrote: as far as it is known."""
        moved = self.moved_at or self.at
        return Course(
            self.phase,
            self.done,
            moved,
            self.began_at or moved,
            self.furthest,
            self.asked,
            self.begun,
            self.broke_at,
        )


class Stray(models.Model):
    """Data of a restore on a host of which no restore or restore test that runs knows, by the
    newest word of its agent: what was abandoned, or what rows forgot. `replica`: as it says."""

    id = models.BigAutoField(primary_key=True)
    host = models.ForeignKey(Host, models.CASCADE, related_name="strays")
    restore = models.CharField(max_length=64)
    replica = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    bytes = models.BigIntegerField()
    since = models.DateTimeField()

    class Meta:
        ordering = ("since", "restore")
        constraints = [
            models.UniqueConstraint(fields=["host", "restore"], name="one_stray_of_a_name_per_host")
        ]

    def __str__(self) -> str:
        return f"{self.restore} on {self.host}"
