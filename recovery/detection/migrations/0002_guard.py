from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("detection", "0001_initial"), ("audit", "0001_append_only")]
    operations = guard_tables(
        detection_situation="situation",
        detection_brake="brake",
        detection_policyversion="detection_policy",
    )
