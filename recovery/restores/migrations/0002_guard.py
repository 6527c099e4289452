from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    """The sight is not guarded: it is an agent's newest word, overwritten."""

    dependencies = [("restores", "0001_initial"), ("audit", "0001_append_only")]
    operations = [
        *guard_tables(restores_restore="restore", restores_restorestep="restore step"),
        migrations.RunSQL("CREATE SEQUENCE restore_number START 1", "DROP SEQUENCE restore_number"),
    ]
