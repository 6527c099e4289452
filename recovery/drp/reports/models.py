"""Reports, to-dos, and the newest look at each runbook. Second locks stand in the migration."""

from __future__ import annotations

from django.db import models

from recovery.core.guarded import Guarded
from recovery.drp.reports.facts import FINDING_MOVES, FindingState
from recovery.inventory.models.places import choices


class Report(Guarded):
    """One version of a run's report. Never changed: what is known later is another version.

    `raw`: its canonical bytes; `signature`: one line over them, by `key`."""

    TYPE = "drp report"

    run = models.ForeignKey("drp.Run", models.PROTECT, related_name="reports")
    number = models.IntegerField()
    raw = models.TextField()
    digest = models.CharField(max_length=64)
    signature = models.TextField()
    key = models.CharField(max_length=300)
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("run", "-number")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="drp_report_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.run} report {self.number}"


class ReportFinding(Guarded):
    """What is to be done after a run, by whom, by when. Closed with its proof."""

    TYPE = "drp finding"
    MOVES = FINDING_MOVES

    run = models.ForeignKey("drp.Run", models.PROTECT, related_name="findings")
    number = models.IntegerField()
    state = models.CharField(max_length=8, choices=choices(FindingState), default=FindingState.OPEN)
    said = models.TextField()
    owner = models.CharField(max_length=120)
    due = models.DateField()
    added_by = models.CharField(max_length=120)
    added_at = models.DateTimeField()
    closed_by = models.CharField(max_length=120, blank=True)
    closed_at = models.DateTimeField(null=True)
    proof = models.TextField(blank=True)

    class Meta:
        ordering = ("run", "number")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="drp_finding_once"),
            models.CheckConstraint(
                condition=models.Q(state=FindingState.OPEN, closed_by="", proof="")
                | (
                    models.Q(state=FindingState.CLOSED, closed_at__isnull=False)
                    & ~models.Q(closed_by="")
                    & ~models.Q(proof="")
                ),
                name="a_finding_is_closed_with_its_proof",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} finding {self.number}"


class RunbookLook(models.Model):
    """What the hourly lint saw last of a runbook's active version. Overwritten; a look is no
    history: what changed stands in the alarms."""

    name = models.CharField(max_length=40, primary_key=True)
    number = models.IntegerField()
    at = models.DateTimeField()
    findings = models.JSONField(default=list)
    is_readable = models.BooleanField(default=True)
