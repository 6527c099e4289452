"""What a returned copy held beyond its primary, as it lies sealed in a store: one row an export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.models import Database
from recovery.inventory.models.places import choices

EXPORTED_FOR = timedelta(days=30)
"""It holds people's data, so it does not stay longer than somebody looks for what was lost."""


class ExportState(StrEnum):
    """`gone`: nothing of it is in its store any more."""

    KEPT = "kept"
    GONE = "gone"


EXPORT_MOVES: Mapping[str, frozenset[str]] = {
    ExportState.KEPT: frozenset({"gone"}),
    ExportState.GONE: frozenset(),
}


class Export(Guarded):
    """`operation`: the order that made it, whose id is its name in the store; `act`: for which act
    of a plan; `digest`: of its sealed objects (core/archive/exports.py); `bytes`: sealed; `plain`:
    of its `files`; `said`: what they hold; `taken`: how often somebody took it
    away."""

    TYPE = "export"
    MOVES = EXPORT_MOVES

    database = models.ForeignKey(Database, models.PROTECT, related_name="exports")
    store = models.ForeignKey("backups.Store", models.PROTECT, related_name="exports")
    state = models.CharField(max_length=4, choices=choices(ExportState), default=ExportState.KEPT)
    operation = models.UUIDField(unique=True)
    act = models.CharField(max_length=240)
    replica = models.CharField(max_length=120)
    host = models.CharField(max_length=63)
    pieces = models.IntegerField()
    bytes = models.BigIntegerField()
    plain = models.BigIntegerField()
    files = models.IntegerField()
    digest = models.CharField(max_length=64)
    said = models.TextField(blank=True)
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    taken = models.IntegerField(default=0)

    class Meta:
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return f"export of {self.replica}"
