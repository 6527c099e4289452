"""Who is told, by which way, and whether it arrived."""

from __future__ import annotations

from django.db import models

from recovery.alarms.facts import MOVES, AlarmState, Audience, DeliveryState, Severity
from recovery.core import vault
from recovery.core.guarded import Guarded
from recovery.incidents.models import Incident


class Alarm(Guarded):
    """A bell that rings until a person takes it or the facts end it.

    `key` is what it is about ("host:…", "blind", "storm"): one unended alarm for each.
    """

    TYPE = "alarm"
    MOVES = MOVES

    key = models.CharField(max_length=120)
    severity = models.CharField(max_length=8, choices=[(s, s) for s in Severity])
    state = models.CharField(
        max_length=14, choices=[(s, s) for s in AlarmState], default=AlarmState.RAISED
    )
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="alarms")
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    raised_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=120, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-raised_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=~models.Q(state="ended"),
                name="one_unended_alarm_per_key",
            )
        ]

    def __str__(self) -> str:
        return self.title


class Channel(Guarded):
    """A way to reach the team, or another audience: an Apprise address or a mail address. The
    address is secret: its row holds it sealed (K1)."""

    TYPE = "channel"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=[("apprise", "apprise"), ("mail", "mail")])
    audience = models.CharField(
        max_length=12, choices=[(a, a) for a in Audience], default=Audience.TEAM
    )
    sealed_secret = models.TextField()
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

    @property
    def secret_address(self) -> str:
        """Opened with the key of this control plane."""
        return vault.unseal(self.sealed_secret, about=f"channel {self.pk}")

    def sealed(self, address: str) -> str:
        """As its row keeps it."""
        return vault.seal(address, about=f"channel {self.pk}")


class Delivery(models.Model):
    """The outbox: one alarm to one channel, retried until accepted, with its receipt (B9)."""

    id = models.BigAutoField(primary_key=True)
    alarm = models.ForeignKey(Alarm, models.PROTECT, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.PROTECT, related_name="deliveries")
    subject = models.CharField(max_length=300)
    text = models.TextField()
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in DeliveryState], default=DeliveryState.WAITING
    )
    attempts = models.IntegerField(default=0)
    queued_at = models.DateTimeField()
    next_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    receipt = models.CharField(max_length=300, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ("-queued_at",)
        constraints = [
            models.UniqueConstraint(fields=["alarm", "channel", "subject"], name="delivery_once")
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=models.Q(state__in=["waiting", "taken"]),
                name="deliveries_due",
            )
        ]
