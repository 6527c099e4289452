"""The one door into the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from recovery.audit.facts import Entry


def append_entries(entries: Iterable[Entry]) -> int:
    """Write the entries into the running transaction; the id of the last one.

    Raises `TransactionManagementError` outside a transaction: an entry without the change
    that it tells of, or a change without its entry, must be impossible.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit entries belong to a transaction")
    bodies = json.dumps([entry.body() for entry in entries], cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_append(%s::jsonb)", [bodies])
        row = cursor.fetchone()
    return int(row[0] or 0) if row else 0
