"""Stores, which replica of which database lies where, what was read there, and what was proven."""

from __future__ import annotations

import json

from django.db import models
from django.db.models import F, Q

from recovery.backups.exports import Export
from recovery.backups.facts import (
    LOAN_MOVES,
    OWN,
    OWN_NAME,
    POINT_MOVES,
    PROOF_MOVES,
    SNAPSHOT_MOVES,
    LoanState,
    PointState,
    ProofState,
    SnapshotState,
    StoreKind,
)
from recovery.core import vault
from recovery.core.guarded import Guarded
from recovery.inventory.models import Database, Datacenter
from recovery.inventory.models.places import choices

__all__ = [
    "ArchiveSight",
    "ArchiverSight",
    "ArchiverWord",
    "BackupReplica",
    "BackupRun",
    "Export",
    "JobSight",
    "Loan",
    "OwnSight",
    "Proof",
    "RecoveryPoint",
    "SnapshotRun",
    "Store",
]


class Store(Guarded):
    """Where archives lie. `place` None: nobody said where that is, which breaks every distance
    (B4). Its row holds its credentials sealed (K1); the log writes them as "redacted"."""

    TYPE = "store"

    name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=10, choices=choices(StoreKind))
    place = models.ForeignKey(Datacenter, models.PROTECT, null=True, related_name="stores")
    address = models.CharField(max_length=300)
    bucket = models.CharField(max_length=120, blank=True)
    sealed_secret = models.TextField(blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=~Q(address=""), name="a_store_has_an_address"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def credentials(self) -> dict[str, str]:
        """Opened with the key of this control plane."""
        if not self.sealed_secret:
            return {}
        opened: dict[str, str] = json.loads(
            vault.unseal(self.sealed_secret, about=f"store {self.pk}")
        )
        return opened

    def sealed(self, credentials: dict[str, str]) -> str:
        """As its row keeps them."""
        if not credentials:
            return ""
        return vault.seal(json.dumps(credentials, sort_keys=True), about=f"store {self.pk}")


class BackupReplica(Guarded):
    """Backup replica 1, 2 or 3 of a database, in a store of its own, with its promise's state.
    `database` None: of Tocsin's own."""

    TYPE = "backup replica"
    MOVES = POINT_MOVES

    database = models.ForeignKey(Database, models.PROTECT, null=True, related_name="backups")
    number = models.IntegerField()
    store = models.ForeignKey(Store, models.PROTECT, related_name="replicas")
    since = models.DateTimeField()
    state = models.CharField(max_length=8, choices=choices(PointState), default=PointState.EMPTY)
    state_at = models.DateTimeField()
    state_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("database__name", "number")
        constraints = [
            models.UniqueConstraint(fields=["database", "number"], name="backup_replica_once"),
            models.UniqueConstraint(
                fields=["database", "store"], name="no_two_replicas_in_one_store"
            ),
            models.UniqueConstraint(
                fields=["number"], condition=Q(database=None), name="own_backup_replica_once"
            ),
            models.UniqueConstraint(
                fields=["store"],
                condition=Q(database=None),
                name="no_two_own_replicas_in_one_store",
            ),
            models.CheckConstraint(
                condition=Q(number__range=(1, 3)), name="backup_replicas_are_1_to_3"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} replica {self.number}"

    @property
    def name(self) -> str:
        """Of its database, for people."""
        return self.database.name if self.database else OWN_NAME

    @property
    def archive(self) -> str:
        """How the names of its objects begin."""
        return self.database.name if self.database else OWN

    @property
    def engine(self) -> str:
        return self.database.engine if self.database else "postgresql"


class ArchiveSight(models.Model):
    """What the newest look at an archive saw, overwritten: no entry each (a sight is no state).

    `moment`, `lsn`, `base`: the newest restorable point of the last look that succeeded, at
    `read_at`; `seen_at`: when the moment rose last, by our clock; `opens`: from when on every
    moment up to it can be asked for, None or later than it: none but its own; `cuts`: but for those
    between two of these, in milliseconds. `tail`: how the name of the next piece of its log begins,
    followed to there at `followed_at` without a whole listing.
    `last_run`: the newest backup that was noted; `kept_at`, `kept_moment`: the newest row of its
    history.
    """

    replica = models.OneToOneField(
        BackupReplica, models.CASCADE, primary_key=True, related_name="sight"
    )
    looked_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    moment = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    opens = models.DateTimeField(null=True)
    cuts = models.JSONField(default=list)
    lsn = models.CharField(max_length=20, blank=True)
    base = models.CharField(max_length=40, blank=True)
    tail = models.CharField(max_length=200, blank=True)
    followed_at = models.DateTimeField(null=True)
    had_point = models.BooleanField(default=False)
    missing = models.JSONField(default=list)
    missing_since = models.DateTimeField(null=True)
    is_cut = models.BooleanField(default=False)
    unusual = models.TextField(blank=True)
    bytes = models.BigIntegerField(default=0)
    objects_there = models.IntegerField(default=0)
    orphans = models.IntegerField(default=0)
    last_run = models.CharField(max_length=40, blank=True)
    kept_at = models.DateTimeField(null=True)
    kept_moment = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(moment=None) | Q(seen_at__isnull=False, read_at__isnull=False),
                name="a_point_was_read",
            ),
            models.CheckConstraint(
                condition=Q(read_at=None) | Q(looked_at__gte=F("read_at")),
                name="read_when_looked_at",
            ),
        ]


class JobSight(models.Model):
    """The newest "ok" of the job that fills an archive, by its agent: never a recovery point, only
    something to hold against one."""

    replica = models.OneToOneField(
        BackupReplica, models.CASCADE, primary_key=True, related_name="job"
    )
    ok_at = models.DateTimeField()
    said = models.TextField(blank=True)


class ArchiverWord(models.Model):
    """The newest word of who archives a database, overwritten: progress for people. `done`,
    `total`: bytes of the base backup that runs, 0 none."""

    at = models.DateTimeField()
    state = models.CharField(max_length=12)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    spool_bytes = models.BigIntegerField(default=0)
    trouble = models.TextField(blank=True)

    class Meta:
        abstract = True


class ArchiverSight(ArchiverWord):
    """Of the agent on the host of its primary."""

    database = models.OneToOneField(
        Database, models.CASCADE, primary_key=True, related_name="archiver"
    )


class OwnSight(ArchiverWord):
    """Of the process that archives Tocsin's own database: one row. `keys`: empty where its keys
    lie in every store too, sealed to a person's recovery key; else why not."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    keys = models.TextField(blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_own_sight")]


class RecoveryPoint(models.Model):
    """History: the newest restorable moment (None: nothing) as it was at `at`. Thinned and
    forgotten, `actions.see_archives` says how."""

    id = models.BigAutoField(primary_key=True)
    replica = models.ForeignKey(BackupReplica, models.CASCADE, related_name="points")
    at = models.DateTimeField()
    moment = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-at",)
        indexes = [models.Index(fields=["replica", "-at"], name="points_of")]


class RecoveryHour(models.Model):
    """History of a week: how old the newest restorable moment was at most, at any look of this
    hour; None: at one of them there was none."""

    id = models.BigAutoField(primary_key=True)
    replica = models.ForeignKey(BackupReplica, models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    worst = models.DurationField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["replica", "hour"], name="one_hour_of_a_replica"),
        ]


class BackupRun(models.Model):
    """A finished base backup or daily snapshot that the archive holds, or held."""

    id = models.BigAutoField(primary_key=True)
    replica = models.ForeignKey(BackupReplica, models.CASCADE, related_name="runs")
    backup = models.CharField(max_length=40)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    bytes = models.BigIntegerField()

    class Meta:
        ordering = ("-begun_at",)
        constraints = [
            models.UniqueConstraint(fields=["replica", "backup"], name="backup_run_once"),
        ]


class SnapshotRun(Guarded):
    """One daily snapshot by the provider: of the volume of `host`, for the day `slot`. What it
    makes there bears its id as a tag. `snapshot`, `volume`: at the third site, once it is kept."""

    TYPE = "snapshot run"
    MOVES = SNAPSHOT_MOVES

    replica = models.ForeignKey(BackupReplica, models.PROTECT, related_name="snapshots")
    state = models.CharField(
        max_length=8, choices=choices(SnapshotState), default=SnapshotState.RUNNING
    )
    slot = models.IntegerField()
    host = models.CharField(max_length=63)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    snapshot = models.CharField(max_length=64, blank=True)
    volume = models.CharField(max_length=64, blank=True)
    said = models.TextField(blank=True)

    class Meta:
        ordering = ("-begun_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["replica"],
                condition=Q(state=SnapshotState.RUNNING),
                name="one_running_snapshot_per_replica",
            ),
            models.CheckConstraint(
                condition=~Q(state=SnapshotState.KEPT) | ~Q(snapshot=""),
                name="a_kept_snapshot_has_its_id",
            ),
        ]

    def __str__(self) -> str:
        return f"snapshot of {self.replica}"


class Loan(Guarded):
    """A volume made of the newest kept snapshot of `replica`, for the restore or restore test
    `borrower` to be read by its host. Whatever of it is at the provider bears its id as a tag."""

    TYPE = "snapshot volume"
    MOVES = LOAN_MOVES

    replica = models.ForeignKey(BackupReplica, models.PROTECT, related_name="loans")
    borrower = models.UUIDField(unique=True)
    state = models.CharField(max_length=6, choices=choices(LoanState), default=LoanState.WANTED)
    snapshot = models.CharField(max_length=64)
    volume = models.CharField(max_length=64, blank=True)
    said = models.TextField(blank=True)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-asked_at",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=LoanState.READY) | ~Q(volume=""),
                name="a_ready_loan_has_its_volume",
            ),
        ]

    def __str__(self) -> str:
        return f"volume of {self.replica}"


class Proof(Guarded):
    """One restore of a backup replica into a scratch instance (restore test). `recoverable_to`:
    the newest canary that was read back; `seconds`, `bytes`: how long for how much."""

    TYPE = "proof"
    MOVES = PROOF_MOVES

    replica = models.ForeignKey(BackupReplica, models.PROTECT, related_name="proofs")
    state = models.CharField(max_length=8, choices=choices(ProofState), default=ProofState.RUNNING)
    why = models.TextField()
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    recoverable_to = models.DateTimeField(null=True)
    bytes = models.BigIntegerField(default=0)
    seconds = models.FloatField(null=True)
    said = models.TextField(blank=True)

    class Meta:
        ordering = ("-begun_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["replica"],
                condition=Q(state=ProofState.RUNNING),
                name="one_running_proof_per_replica",
            ),
            models.CheckConstraint(
                condition=~Q(state=ProofState.PASSED) | Q(recoverable_to__isnull=False),
                name="a_proof_read_something_back",
            ),
            models.CheckConstraint(
                condition=Q(state=ProofState.RUNNING, ended_at=None)
                | (~Q(state=ProofState.RUNNING) & Q(ended_at__isnull=False)),
                name="a_proof_that_ended_has_its_end",
            ),
        ]

    def __str__(self) -> str:
        return f"proof of {self.replica}"
