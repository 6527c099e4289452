from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("backups", "0005_loan"), ("audit", "0001_append_only")]
    operations = [*guard_tables(backups_loan="snapshot volume")]
