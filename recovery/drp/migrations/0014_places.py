import uuid

from django.db import migrations, models

import recovery.drp.journal
from recovery.audit.guard import guard_tables

UNALTERABLE = """
CREATE TRIGGER drp_effect_unalterable BEFORE UPDATE OR TRUNCATE ON drp_effect
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE drp_effect ENABLE ALWAYS TRIGGER drp_effect_unalterable;
CREATE TRIGGER drp_call_moves BEFORE INSERT OR UPDATE ON drp_call FOR EACH ROW EXECUTE FUNCTION
  drp_guard_moves('waiting>sending waiting>failed sending>delivered sending>failed', 'waiting',
                  'id key asked_at');
ALTER TABLE drp_call ENABLE ALWAYS TRIGGER drp_call_moves;
"""


class Migration(migrations.Migration):
    """What hands began under which key, and the webhooks that are due."""

    dependencies = [
        ("drp", "0013_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Call",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("key", models.CharField(max_length=240, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("sending", "sending"),
                            ("delivered", "delivered"),
                            ("failed", "failed"),
                        ],
                        default=recovery.drp.journal.CallState["WAITING"],
                        max_length=10,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("said", models.TextField(blank=True)),
            ],
            options={
                "ordering": ("asked_at",),
            },
        ),
        migrations.CreateModel(
            name="Effect",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("key", models.CharField(max_length=240)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("restore", "restore"),
                            ("seat", "seat"),
                            ("route", "route"),
                            ("unseated", "unseated"),
                            ("undone", "undone"),
                        ],
                        max_length=10,
                    ),
                ),
                ("object", models.UUIDField()),
                ("name", models.CharField(max_length=200)),
                ("said", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ("at", "name"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key", "kind", "object"), name="drp_effect_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    recovery.drp.journal.EffectKind["RESTORE"],
                                    recovery.drp.journal.EffectKind["SEAT"],
                                ],
                            )
                        ),
                        fields=("kind", "object"),
                        name="what_was_begun_is_of_one_act",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", recovery.drp.journal.EffectKind["RESTORE"])),
                        fields=("key",),
                        name="one_restore_of_an_act",
                    ),
                ],
            },
        ),
        *guard_tables(drp_effect="drp effect", drp_call="drp call"),
        migrations.RunSQL(UNALTERABLE, migrations.RunSQL.noop),
    ]
