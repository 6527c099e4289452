"""What the users of a database see: acknowledged writes through the edge, and gaps between them."""

from __future__ import annotations

from django.db import models

from recovery.inventory.models.databases import Database


class WriteProbe(models.Model):
    """The newest word of the user who writes all the time, overwritten at most once a second.

    `gap_ms`: the longest time between two acknowledged writes of the last seconds. Older than a
    few seconds all of it means *unknown*, whatever it says. `since`: when this user began; from
    then on no moment was missed.
    """

    database = models.OneToOneField(
        Database, models.CASCADE, primary_key=True, related_name="probe"
    )
    at = models.DateTimeField()
    since = models.DateTimeField(null=True)
    acknowledged = models.BigIntegerField(default=0)
    last_ack_at = models.DateTimeField(null=True)
    gap_ms = models.FloatField(null=True)
    failing_since = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    lost = models.BigIntegerField(default=0)


class WriteGap(models.Model):
    """A time of a second or more without an acknowledged write, with its end: one row each.

    From the last acknowledged write before it to the first after it, on the writer's own clock.
    `lost`: numbers acknowledged before that were not there afterwards.
    """

    id = models.BigAutoField(primary_key=True)
    database = models.ForeignKey(Database, models.CASCADE, related_name="gaps")
    last_before = models.DateTimeField()
    first_after = models.DateTimeField()
    seconds = models.FloatField()
    after_number = models.BigIntegerField()
    lost = models.BigIntegerField(default=0)
    lost_numbers = models.JSONField(default=list)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-first_after",)
        indexes = [models.Index(fields=["database", "-first_after"], name="gaps_of")]
