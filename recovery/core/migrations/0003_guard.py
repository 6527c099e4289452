from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("core", "0002_incarnation"), ("audit", "0001_append_only")]
    operations = [*guard_tables(core_incarnation="incarnation")]
