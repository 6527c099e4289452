from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backups", "0011_proof_hours"),
    ]

    operations = [
        migrations.AddField(
            model_name="archivesight",
            name="cuts",
            field=models.JSONField(default=list),
        ),
    ]
