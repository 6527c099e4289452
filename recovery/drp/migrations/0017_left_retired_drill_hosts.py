"""A drill host that was lost for good: who says so, and why."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("drp", "0016_failback_effects")]

    operations = [
        migrations.AddField("drillhost", "retired_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "drillhost", "retired_by", models.CharField(blank=True, max_length=120)
        ),
        migrations.AddField("drillhost", "retired_why", models.TextField(blank=True)),
    ]
