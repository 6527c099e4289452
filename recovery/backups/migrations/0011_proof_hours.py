import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("backups", "0010_back_exports")]

    operations = [
        migrations.CreateModel(
            name="RecoveryHour",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                ("worst", models.DurationField(null=True)),
                (
                    "replica",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hours",
                        to="backups.backupreplica",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("replica", "hour"), name="one_hour_of_a_replica"
                    )
                ],
            },
        ),
    ]
