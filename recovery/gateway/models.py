"""What the gateways must not forget between two starts."""

from __future__ import annotations

import base64
from uuid import UUID

from django.db import models

from recovery.core import vault
from recovery.inventory.models import Host


class HeartbeatKey(models.Model):
    """The key that authenticates a host's heartbeats; made at enrolment."""

    host = models.OneToOneField(
        Host, models.PROTECT, primary_key=True, related_name="heartbeat_key"
    )
    sealed_secret = models.TextField()

    @property
    def secret(self) -> bytes:
        """Opened with the key of this control plane; a dump of the table forges nothing (K1)."""
        opened = vault.unseal(self.sealed_secret, about=f"heartbeats of {self.host_id}")
        return base64.b64decode(opened)

    @staticmethod
    def sealed(host: UUID, secret: bytes) -> str:
        """As the row of this host keeps it."""
        return vault.seal(base64.b64encode(secret).decode(), about=f"heartbeats of {host}")
