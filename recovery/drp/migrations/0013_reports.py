"""Reports of runs, their to-dos, the newest look at each runbook; and their second locks: a report is
of a run that has ended, has the digest of its bytes and never changes; a finding only closes."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

import recovery.drp.reports.facts
from recovery.audit.guard import guard_tables

FUNCTION = """
CREATE FUNCTION drp_guard_report() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.digest <> encode(sha256(convert_to(NEW.raw, 'UTF8')), 'hex') THEN
    PERFORM drp_refuse('the digest is not that of the report');
  END IF;
  IF NOT EXISTS (SELECT FROM drp_run WHERE id = NEW.run_id AND state IN ('done', 'aborted')) THEN
    PERFORM drp_refuse('the run has not ended');
  END IF;
  RETURN NEW;
END $$;
"""
FINDING = "'open>closed', 'open', 'id run_id number said owner due added_by added_at'"


def trigger(table: str, name: str, when: str, call: str, *, each: str = "ROW") -> migrations.RunSQL:
    sql = (
        f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {call};"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name};"
    )
    return migrations.RunSQL(sql, migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [
        ("drp", "0012_runs"),
    ]

    operations = [
        migrations.CreateModel(
            name="RunbookLook",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("at", models.DateTimeField()),
                ("findings", models.JSONField(default=list)),
                ("is_readable", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("number", models.IntegerField()),
                ("raw", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("signature", models.TextField()),
                ("key", models.CharField(max_length=300)),
                ("made_by", models.CharField(max_length=120)),
                ("made_at", models.DateTimeField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="drp.run",
                    ),
                ),
            ],
            options={
                "ordering": ("run", "-number"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "number"), name="drp_report_version_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReportFinding",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("number", models.IntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "open"), ("closed", "closed")],
                        default=recovery.drp.reports.facts.FindingState["OPEN"],
                        max_length=8,
                    ),
                ),
                ("said", models.TextField()),
                ("owner", models.CharField(max_length=120)),
                ("due", models.DateField()),
                ("added_by", models.CharField(max_length=120)),
                ("added_at", models.DateTimeField()),
                ("closed_by", models.CharField(blank=True, max_length=120)),
                ("closed_at", models.DateTimeField(null=True)),
                ("proof", models.TextField(blank=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="drp.run",
                    ),
                ),
            ],
            options={
                "ordering": ("run", "number"),
                "constraints": [
                    models.UniqueConstraint(fields=("run", "number"), name="drp_finding_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_by", ""),
                                ("proof", ""),
                                ("state", recovery.drp.reports.facts.FindingState["OPEN"]),
                            ),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("state", recovery.drp.reports.facts.FindingState["CLOSED"]),
                                models.Q(("closed_by", ""), _negated=True),
                                models.Q(("proof", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="a_finding_is_closed_with_its_proof",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
        *guard_tables(drp_report="drp report", drp_reportfinding="drp finding"),
        trigger(
            "drp_report", "unalterable", "UPDATE OR TRUNCATE", "audit_refuse()", each="STATEMENT"
        ),
        trigger("drp_report", "ended", "INSERT", "drp_guard_report()"),
        trigger("drp_reportfinding", "moves", "INSERT OR UPDATE", f"drp_guard_moves({FINDING})"),
    ]
