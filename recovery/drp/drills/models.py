"""Hosts that are there for drills, and all that drills began on them.

They are no hosts of the inventory: whatever places, counts, watches, quotes or leads users there
reads other tables, so that it cannot take one of these for production's (I-DR-4).
"""

from __future__ import annotations

from django.db import models

from recovery.core.guarded import Guarded
from recovery.drp.drills.facts import NOT_PROVEN, THING_MOVES, ThingKind, ThingState
from recovery.inventory.models.places import choices


class DrillHost(Guarded):
    """`digest`: of the token that it shows; `revision`: counts the lists that it was told; `life`:
    the highest incarnation that one of them bore, also of rows that these know nothing of.
    `retired_at`, `_by`, `_why`: it is lost for good, who says so, and why: nothing is begun there
    any more, and nobody waits for its word."""

    TYPE = "drill host"

    name = models.CharField(max_length=80, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    cpu_millis = models.IntegerField()
    memory_mib = models.IntegerField()
    revision = models.BigIntegerField(default=1)
    life = models.BigIntegerField(default=0)
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    retired_by = models.CharField(max_length=120, blank=True)
    retired_why = models.TextField(blank=True)

    class Meta:
        app_label = "drp"
        ordering = ("name",)

    @property
    def unproven(self) -> str:
        """Why nothing that is not seen gone there ever will be; empty where it is there."""
        if self.retired_at is None:
            return ""
        who = f"host {self} was retired by {self.retired_by}"
        return f"{NOT_PROVEN} {who} because {self.retired_why}"

    def __str__(self) -> str:
        return self.name


class DrillSight(models.Model):
    """What a drill host reported last. Overwritten every second; whatever is proven by it stands in
    the thing's own row."""

    host = models.OneToOneField(DrillHost, models.CASCADE, primary_key=True, related_name="sight")
    heard_at = models.DateTimeField()
    boot = models.CharField(max_length=64)
    incarnation = models.BigIntegerField()
    revision = models.BigIntegerField()
    facts = models.JSONField(default=dict)
    left = models.JSONField(default=dict)
    trouble = models.TextField(blank=True)

    class Meta:
        app_label = "drp"


class DrillThing(Guarded):
    """One database or application that an act of a drill began. `name`: the only one that it has on
    its host; `target`: its id in the plan; `source`: the row of production that it is a copy of, or
    is started like; `copy`: the backup replica that it is restored from; `is_told`: its host may
    begin, for a volume that it is read from is there; `removed_in`: the list that has it no more;
    `gone_said`: who saw that nothing is left of it, and how."""

    TYPE = "drill thing"
    MOVES = THING_MOVES

    run = models.ForeignKey("drp.Run", models.PROTECT, related_name="things")
    key = models.CharField(max_length=240, unique=True)
    step = models.CharField(max_length=40)
    kind = models.CharField(max_length=12, choices=choices(ThingKind))
    name = models.CharField(max_length=100, unique=True)
    target = models.CharField(max_length=120)
    target_name = models.CharField(max_length=200)
    source = models.UUIDField()
    copy = models.UUIDField(null=True)
    host = models.ForeignKey(DrillHost, models.PROTECT, related_name="things")
    memory_mib = models.IntegerField()
    port = models.IntegerField()
    is_told = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=choices(ThingState), default=ThingState.WANTED)
    said = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    begun_at = models.DateTimeField()
    stood_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    removed_in = models.JSONField(default=list)
    gone_at = models.DateTimeField(null=True)
    gone_said = models.TextField(blank=True)

    class Meta:
        app_label = "drp"
        ordering = ("begun_at", "name")

    def __str__(self) -> str:
        return self.name
