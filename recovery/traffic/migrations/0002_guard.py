from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("traffic", "0001_initial"), ("audit", "0001_append_only")]
    operations = guard_tables(traffic_outage="outage")
