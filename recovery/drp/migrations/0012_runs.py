"""The decision that a run follows, and the public keys that people showed."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from recovery.audit.guard import guard_tables

GUARDS = """
CREATE FUNCTION drp_guard_decision() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.decision_id IS DISTINCT FROM OLD.decision_id THEN
    PERFORM drp_refuse('the decision of a run never changes');
  END IF;
  IF TG_OP = 'INSERT' AND NEW.decision_id IS NOT NULL AND NOT EXISTS (
     SELECT 1 FROM brief_decision d JOIN inventory_datacenter s ON s.id = d.datacenter_id
     WHERE d.id = NEW.decision_id AND d.choice = 'activate' AND s.name = NEW.lost) THEN
    PERFORM drp_refuse('the decision is not to recover this datacenter');
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER drp_run_decision BEFORE INSERT OR UPDATE ON drp_run
  FOR EACH ROW EXECUTE FUNCTION drp_guard_decision();
ALTER TABLE drp_run ENABLE ALWAYS TRIGGER drp_run_decision;
CREATE TRIGGER drp_passkey_moves BEFORE INSERT OR UPDATE ON drp_passkey
  FOR EACH ROW EXECUTE FUNCTION drp_guard_moves('', '', 'id person label handle public shown_at');
ALTER TABLE drp_passkey ENABLE ALWAYS TRIGGER drp_passkey_moves;
"""


class Migration(migrations.Migration):
    dependencies = [("brief", "0001_initial"), ("drp", "0010_signed")]

    operations = [
        migrations.AddField(
            "run",
            "decision",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="runs",
                to="brief.decision",
            ),
        ),
        migrations.CreateModel(
            "Passkey",
            [
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("person", models.CharField(max_length=120)),
                ("label", models.CharField(max_length=80)),
                ("handle", models.TextField(unique=True)),
                ("public", models.TextField()),
                ("shown_at", models.DateTimeField()),
                ("pinned_by", models.CharField(blank=True, max_length=120)),
                ("pinned_at", models.DateTimeField(null=True)),
            ],
            {"ordering": ("person", "shown_at")},
        ),
        *guard_tables(drp_passkey="passkey"),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]
