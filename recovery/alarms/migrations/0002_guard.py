from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("alarms", "0001_initial"), ("audit", "0001_append_only")]
    operations = guard_tables(
        alarms_alarm="alarm",
        alarms_channel="channel",
    )
