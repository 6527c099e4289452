from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("restores", "0004_strays")]

    operations = [
        migrations.AddField(
            model_name="restoresight",
            name="moved_at",
            field=models.DateTimeField(null=True),
        ),
    ]
