from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("restores", "0005_proof_moved")]

    operations = [
        migrations.AddField("restoresight", "began_at", models.DateTimeField(null=True)),
        migrations.AddField("restoresight", "furthest", models.IntegerField(default=0)),
        migrations.AddField("restoresight", "asked", models.IntegerField(default=1)),
        migrations.AddField("restoresight", "begun", models.IntegerField(default=0)),
        migrations.AddField("restoresight", "broke_at", models.DateTimeField(null=True)),
    ]
