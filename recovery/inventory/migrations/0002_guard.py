from django.db import migrations

from recovery.audit.guard import guard_tables


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("audit", "0001_append_only")]
    operations = guard_tables(
        inventory_datacenter="datacenter",
        inventory_failuredomain="failure_domain",
        inventory_host="host",
        inventory_application="application",
        inventory_container="container",
        inventory_placement="placement",
    )
