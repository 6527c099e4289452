"""What people decided about a datacenter, and what its provider said. Never changed."""

from __future__ import annotations

from django.db import models
from django.db.models import Func, Q, Value

from recovery.brief.facts import Cause, Choice
from recovery.core.guarded import Guarded
from recovery.incidents.models import Incident
from recovery.inventory.models import Datacenter
from recovery.inventory.models.places import choices


class Sha256(Func):
    """Of a text, in hex, computed by the database."""

    template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
    output_field = models.CharField()


class Decision(Guarded):
    """A person's word about a lost datacenter, with exactly what was shown to them.

    Invariant: `digest` is the SHA-256 of `shown`, its canonical JSON (RFC 8785); the database
    computes it again, and refuses every change of a row. A run names the decision that it follows.
    """

    TYPE = "decision"

    number = models.BigIntegerField(unique=True)
    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="decisions")
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="decisions")
    choice = models.CharField(max_length=10, choices=choices(Choice))
    until = models.DateTimeField(null=True)
    reason = models.TextField()
    by = models.CharField(max_length=120)
    at = models.DateTimeField()
    shown = models.TextField()
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.CheckConstraint(
                condition=Q(choice=Choice.WAIT, until__gt=models.F("at"))
                | Q(choice=Choice.ACTIVATE, until=None),
                name="who_waits_says_until_when",
            ),
            models.CheckConstraint(
                condition=Q(digest=Sha256("shown")), name="a_decision_is_about_what_was_shown"
            ),
            models.CheckConstraint(
                condition=~Q(reason=Value("")) & ~Q(by=Value("")), name="a_decision_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"DEC-{self.number:04d}"


class ProviderWord(Guarded):
    """What the provider, or somebody on site, said and when; a correction is a new row."""

    TYPE = "provider word"

    datacenter = models.ForeignKey(Datacenter, models.PROTECT, related_name="words")
    cause = models.CharField(max_length=8, choices=choices(Cause), default=Cause.UNSAID)
    said = models.TextField()
    source = models.CharField(max_length=120)
    said_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    by = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=~Q(said=Value("")) & ~Q(source=Value("")),
                name="a_provider_word_has_its_source",
            ),
            models.CheckConstraint(
                condition=Q(said_at__lte=models.F("at")), name="a_provider_word_was_said_before"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} on {self.datacenter}"
