"""The audit log: appended through one database function, never changed.

The table belongs to a role that cannot log in; the application may read it and call
`audit_append`, nothing else (safety.md 4.3). See migration 0001 for grants and triggers.
"""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """One state change or human act, written in the transaction that made it."""

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField()
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    object_version = models.BigIntegerField()
    body = models.JSONField()

    class Meta:
        managed = False
        db_table = "audit_entry"
        ordering = ("-id",)
