from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_guard")]
    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE incident_number START 1", "DROP SEQUENCE incident_number"
        ),
    ]
