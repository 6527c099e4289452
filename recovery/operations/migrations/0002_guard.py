from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_initial"), ("audit", "0001_append_only")]
    operations = guard_tables(
        operations_operation="operation",
    )
