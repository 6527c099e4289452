"""The keys of heartbeats are sealed with a key that is not in PostgreSQL (K1)."""

import base64

from django.db import migrations, models

from recovery.core import vault


def seal_all(apps, schema_editor):
    for row in apps.get_model("gateway", "HeartbeatKey").objects.all():
        row.sealed_secret = vault.seal(
            base64.b64encode(bytes(row.secret)).decode(), about=f"heartbeats of {row.pk}"
        )
        row.save(update_fields=["sealed_secret"])


class Migration(migrations.Migration):
    dependencies = [("gateway", "0002_desired_version")]

    operations = [
        migrations.AddField("heartbeatkey", "sealed_secret", models.TextField(default="")),
        migrations.RunPython(seal_all, migrations.RunPython.noop),
        migrations.AlterField("heartbeatkey", "sealed_secret", models.TextField()),
        migrations.RemoveField("heartbeatkey", "secret"),
    ]
