import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_number")]
    operations = [
        migrations.AddField(
            model_name="incident",
            name="joined",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="incidents.incident",
            ),
        ),
    ]
