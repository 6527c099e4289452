"""The migration step that puts tables under the audit guard."""

from __future__ import annotations

from django.db import migrations


def guard_tables(**types: str) -> list[migrations.RunSQL]:
    """One step per `table="type"`: from then on a change without its entry is refused."""
    return [
        migrations.RunSQL(f"SELECT audit_guard_table('{table}', '{kind}')", migrations.RunSQL.noop)
        for table, kind in types.items()
    ]
