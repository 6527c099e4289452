"""The secrets of databases are sealed with a key that is not in PostgreSQL (K1)."""

from django.db import migrations, models

from recovery.core.sealing import seal_rows


def seal_all(apps, schema_editor):
    seal_rows(apps.get_model("inventory", "Database"), "database")


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_routes")]

    operations = [
        migrations.RenameField("database", "secret", "sealed_secret"),
        migrations.AlterField("database", "sealed_secret", models.TextField()),
        migrations.RunPython(seal_all, migrations.RunPython.noop),
    ]
