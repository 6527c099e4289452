from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial")]
    operations = [
        migrations.RunSQL("CREATE SEQUENCE desired_version", "DROP SEQUENCE desired_version"),
    ]
