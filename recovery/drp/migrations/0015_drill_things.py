import uuid

import django.db.models.deletion
from django.db import migrations, models

import recovery.drp.drills.facts
from recovery.audit.guard import guard_tables

MOVES = """
CREATE TRIGGER drp_drillthing_moves BEFORE INSERT OR UPDATE ON drp_drillthing FOR EACH ROW EXECUTE
  FUNCTION drp_guard_moves('wanted>stands wanted>failed wanted>removing stands>removing'
                           ' failed>removing removing>gone', 'wanted',
                           'id run_id key step kind name target target_name source copy host_id'
                           ' memory_mib port begun_at');
ALTER TABLE drp_drillthing ENABLE ALWAYS TRIGGER drp_drillthing_moves;

CREATE FUNCTION drp_guard_thing() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (SELECT mode FROM drp_run WHERE id = NEW.run_id) IS DISTINCT FROM 'drill' THEN
    PERFORM drp_refuse('only a drill begins something on the hosts of drills');
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER drp_drillthing_mode BEFORE INSERT ON drp_drillthing FOR EACH ROW EXECUTE FUNCTION
  drp_guard_thing();
ALTER TABLE drp_drillthing ENABLE ALWAYS TRIGGER drp_drillthing_mode;
"""


class Migration(migrations.Migration):
    """Hosts that are there for drills, and what is begun on them; a drill of a datacenter no longer
    keeps a recovery of it from being started."""

    dependencies = [
        ("brief", "0001_initial"),
        ("drp", "0014_places"),
    ]

    operations = [
        migrations.CreateModel(
            name="DrillHost",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("name", models.CharField(max_length=80, unique=True)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("cpu_millis", models.IntegerField()),
                ("memory_mib", models.IntegerField()),
                ("revision", models.BigIntegerField(default=1)),
                ("life", models.BigIntegerField(default=0)),
                ("added_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="DrillThing",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("key", models.CharField(max_length=240, unique=True)),
                ("step", models.CharField(max_length=40)),
                (
                    "kind",
                    models.CharField(
                        choices=[("database", "database"), ("application", "application")],
                        max_length=12,
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("target", models.CharField(max_length=120)),
                ("target_name", models.CharField(max_length=200)),
                ("source", models.UUIDField()),
                ("copy", models.UUIDField(null=True)),
                ("memory_mib", models.IntegerField()),
                ("port", models.IntegerField()),
                ("is_told", models.BooleanField(default=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("wanted", "wanted"),
                            ("stands", "stands"),
                            ("failed", "failed"),
                            ("removing", "removing"),
                            ("gone", "gone"),
                        ],
                        default=recovery.drp.drills.facts.ThingState["WANTED"],
                        max_length=10,
                    ),
                ),
                ("said", models.TextField(blank=True)),
                ("result", models.JSONField(default=dict)),
                ("begun_at", models.DateTimeField()),
                ("stood_at", models.DateTimeField(null=True)),
                ("removed_at", models.DateTimeField(null=True)),
                ("removed_in", models.JSONField(default=list)),
                ("gone_at", models.DateTimeField(null=True)),
                ("gone_said", models.TextField(blank=True)),
            ],
            options={
                "ordering": ("begun_at", "name"),
            },
        ),
        migrations.RemoveConstraint(
            model_name="run",
            name="one_run_at_a_time_per_datacenter",
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["running", "paused", "aborting"]),
                    models.Q(("mode__in", ["drill", "simulation"]), _negated=True),
                ),
                fields=("lost",),
                name="one_run_at_a_time_per_datacenter",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("mode", "drill"), ("state__in", ["running", "paused", "aborting"])
                ),
                fields=("lost",),
                name="one_drill_at_a_time_per_datacenter",
            ),
        ),
        migrations.CreateModel(
            name="DrillSight",
            fields=[
                (
                    "host",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sight",
                        serialize=False,
                        to="drp.drillhost",
                    ),
                ),
                ("heard_at", models.DateTimeField()),
                ("boot", models.CharField(max_length=64)),
                ("incarnation", models.BigIntegerField()),
                ("revision", models.BigIntegerField()),
                ("facts", models.JSONField(default=dict)),
                ("left", models.JSONField(default=dict)),
                ("trouble", models.TextField(blank=True)),
            ],
        ),
        migrations.AddField(
            model_name="drillthing",
            name="host",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="things",
                to="drp.drillhost",
            ),
        ),
        migrations.AddField(
            model_name="drillthing",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="things", to="drp.run"
            ),
        ),
        *guard_tables(drp_drillhost="drill host", drp_drillthing="drill thing"),
        migrations.RunSQL(MOVES, migrations.RunSQL.noop),
    ]
