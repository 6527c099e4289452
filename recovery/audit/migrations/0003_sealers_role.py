"""Sealing is the sealer's: with the application's role alone nobody leads, seals or publishes.

Where an external PostgreSQL has no such role (docs/operations.md), all stays as it was.
"""

from django.conf import settings
from django.db import migrations

SEALS = (
    "audit_lead(bigint, text)",
    "audit_beat(bigint)",
    "audit_seal(bigint, bigint, bigint[], bytea[], bytea, smallint[], bigint[], bytea[])",
    "audit_publish(bigint, bytea, text, text)",
)


def grants(application, sealer):
    functions = ", ".join(SEALS)
    return f"""
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{sealer}') THEN
    GRANT EXECUTE ON FUNCTION {functions} TO {sealer};
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{application}') THEN
      REVOKE EXECUTE ON FUNCTION {functions} FROM {application};
    END IF;
  END IF;
END $$;
"""  # noqa: S608 - our own names


class Migration(migrations.Migration):
    """The gateway needs `audit_cosign`, and keeps it."""

    dependencies = [("audit", "0002_sealing")]
    operations = [
        migrations.RunSQL(
            grants(settings.TOCSIN_APPLICATION_ROLE, settings.TOCSIN_SEALER_ROLE),
            migrations.RunSQL.noop,
        )
    ]
