"""What the gateways must not forget between two starts."""

from __future__ import annotations

from django.db import models

from recovery.inventory.models import Host


class HeartbeatKey(models.Model):
    """The key that authenticates a host's heartbeats; made at enrolment."""

    host = models.OneToOneField(
        Host, models.PROTECT, primary_key=True, related_name="heartbeat_key"
    )
    secret = models.BinaryField()
