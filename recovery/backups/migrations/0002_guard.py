from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    """Sights, points and runs are not guarded: they are what was seen, overwritten or forgotten;
    states, places and proofs are."""

    dependencies = [("backups", "0001_initial"), ("audit", "0001_append_only")]
    operations = [
        *guard_tables(
            backups_store="store",
            backups_backupreplica="backup replica",
            backups_proof="proof",
        )
    ]
