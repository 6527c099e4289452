"""The addresses of channels are sealed with a key that is not in PostgreSQL (K1)."""

from django.db import migrations, models

from recovery.core.sealing import seal_rows


def seal_all(apps, schema_editor):
    seal_rows(apps.get_model("alarms", "Channel"), "channel")


class Migration(migrations.Migration):
    dependencies = [("alarms", "0002_guard")]

    operations = [
        migrations.RenameField("channel", "secret_address", "sealed_secret"),
        migrations.AlterField("channel", "sealed_secret", models.TextField()),
        migrations.RunPython(seal_all, migrations.RunPython.noop),
    ]
