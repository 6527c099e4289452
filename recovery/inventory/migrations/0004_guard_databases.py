from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_databases"), ("audit", "0001_append_only")]
    operations = guard_tables(
        inventory_database="database",
        inventory_replica="replica",
        inventory_epoch="epoch",
    )
