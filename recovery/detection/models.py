"""What detection must not forget: situations, the brake, freezes, who vouches, its policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.db import models

from recovery.core.guarded import Guarded
from recovery.detection.facts import FREEZE_MOVES
from recovery.detection.situations import Scope
from recovery.detection.vouching import VOUCH_MOVES, VouchState
from recovery.incidents.models import Incident
from recovery.inventory.models import Datacenter, Host

SITUATION_MOVES: Mapping[str, frozenset[str]] = {
    "open": frozenset({"closed"}),
    "closed": frozenset(),
}


class Situation(Guarded):
    """Hosts that failed together. It only grows while it is open; `key` names its domain."""

    TYPE = "situation"
    MOVES = SITUATION_MOVES

    state = models.CharField(
        max_length=8, choices=[(s, s) for s in SITUATION_MOVES], default="open"
    )
    key = models.CharField(max_length=140)
    scope = models.CharField(max_length=12, choices=[(s.value, s.value) for s in Scope])
    domain = models.CharField(max_length=120)
    hosts = models.JSONField(default=list)
    sentence = models.CharField(max_length=300)
    hypotheses = models.JSONField(default=list)
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="situations")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-opened_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(state="open"), name="one_open_situation_per_key"
            )
        ]

    def __str__(self) -> str:
        return self.sentence


class Brake(Guarded):
    """One row: whether automation is paused by a person, and whether we are blind.

    `living`: datacenters of which nobody was heard then and that others saw alive: name → how."""

    TYPE: ClassVar[str] = "brake"

    name = models.CharField(max_length=10, unique=True, default="brake")
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=120, blank=True)
    pause_reason = models.TextField(blank=True)
    blind_at = models.DateTimeField(null=True)
    blind_reasons = models.JSONField(default=list)
    living = models.JSONField(default=dict)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(name="brake"), name="one_brake")]

    def __str__(self) -> str:
        return "the brake"


class Freeze(Guarded):
    """Parts of automation that a run of a recovery plan stopped, until a person lifts it.

    `key`: of the act that did it, so that it is done once; `run` and `step`: whose it is, and who
    is exempt from it; `by`: the person who asked for the run."""

    TYPE: ClassVar[str] = "freeze"
    MOVES = FREEZE_MOVES

    key = models.CharField(max_length=240, unique=True)
    state = models.CharField(
        max_length=8, choices=[(s, s) for s in FREEZE_MOVES], default="standing"
    )
    parts = models.JSONField()
    run = models.UUIDField()
    run_name = models.CharField(max_length=20)
    step = models.CharField(max_length=40)
    by = models.CharField(max_length=120)
    reason = models.TextField()
    frozen_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=120, blank=True)
    lift_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("frozen_at",)

    def __str__(self) -> str:
        return f"freeze of {self.run_name}"

    @property
    def said(self) -> str:
        """What it is, in one sentence without its end."""
        stopped = ", ".join(part.replace("_", " ") for part in self.parts)
        return f"{self.run_name} froze {stopped} for {self.by}: {self.reason}".rstrip(". ")


class LossVouch(Guarded):
    """Two people's word that a datacenter is lost while its silence leaves Tocsin blind.

    While it stands, no host of the datacenter is expected to be heard. `requested_by` and
    `given_by` are never the same; both typed its name. `end_reason`: why it is over."""

    TYPE: ClassVar[str] = "loss_vouch"
    MOVES = VOUCH_MOVES

    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="loss_vouches")
    state = models.CharField(
        max_length=8, choices=[(s, s) for s in VOUCH_MOVES], default=VouchState.ASKED.value
    )
    requested_by = models.CharField(max_length=120)
    requested_at = models.DateTimeField()
    request_reason = models.TextField()
    expires_at = models.DateTimeField()
    given_by = models.CharField(max_length=120, blank=True)
    given_at = models.DateTimeField(null=True)
    give_reason = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=120, blank=True)
    end_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("requested_at",)
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(given_by=models.F("requested_by")),
                name="two_people_vouch_for_a_loss",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="standing")
                | (models.Q(given_at__isnull=False) & ~models.Q(given_by="")),
                name="a_loss_stands_by_two_words",
            ),
            models.UniqueConstraint(
                fields=["datacenter"],
                condition=models.Q(state__in=["asked", "standing"]),
                name="one_open_loss_vouch",
            ),
        ]

    def __str__(self) -> str:
        return f"word that {self.datacenter} is lost"


class SettledLoss(models.Model):
    """A host that was given up longer ago than the guard's window, by its leader's own clock: it is
    expected no more, whoever leads next. A sight, overwritten; `verdict_at`: of that verdict, so
    that it says nothing about a later one."""

    host = models.OneToOneField(Host, models.PROTECT, primary_key=True, related_name="settled_loss")
    verdict_at = models.DateTimeField()


class PolicyVersion(Guarded):
    """The thresholds in force since `set_at`: the highest number counts. Never changed."""

    TYPE = "detection_policy"

    number = models.IntegerField(unique=True)
    figures = models.JSONField()
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=120)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"detection policy {self.number}"
