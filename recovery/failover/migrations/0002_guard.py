from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    """The lease is not guarded: its renewals write no entry (I-AU-1); every other change of it
    goes through `core.transitions` like everything else."""

    dependencies = [("failover", "0001_initial"), ("audit", "0001_append_only")]
    operations = [
        *guard_tables(failover_failover="failover", failover_vouch="vouch"),
        migrations.RunSQL(
            "CREATE SEQUENCE failover_number START 1", "DROP SEQUENCE failover_number"
        ),
    ]
