"""The append-only log, its one door, and the guard that no change goes past it.

Plain SQL: triggers must be ENABLE ALWAYS, so that `session_replication_role` cannot
switch them off, and every object belongs to the owner role, which cannot log in.
"""

from django.conf import settings
from django.db import migrations, models

TABLE = """
CREATE TABLE audit_entry (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid            xid8 NOT NULL DEFAULT pg_current_xact_id(),
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  object_type    text NOT NULL,
  object_id      text NOT NULL,
  object_version bigint NOT NULL,
  body           jsonb NOT NULL
);
CREATE INDEX audit_entry_object ON audit_entry (object_type, object_id, object_version);
CREATE INDEX audit_entry_xid ON audit_entry (xid);

CREATE FUNCTION audit_append(bodies jsonb) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH added AS (
    INSERT INTO public.audit_entry (object_type, object_id, object_version, body)
    SELECT b #>> '{object,type}', b #>> '{object,id}', (b #>> '{object,version}')::bigint, b
    FROM jsonb_array_elements(bodies) WITH ORDINALITY AS e (b, n) ORDER BY n
    RETURNING id)
  SELECT max(id) FROM added
$$;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_append_only;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_truncate;

-- Each changed (object, version) has an entry of this very transaction (I-AU-1).
CREATE FUNCTION audit_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE missing text;
BEGIN
  SELECT n.id::text INTO missing FROM new_rows n
  WHERE NOT EXISTS (
    SELECT FROM public.audit_entry a
    WHERE a.object_type = TG_ARGV[0] AND a.object_id = n.id::text
      AND a.object_version = n.version AND a.xid = pg_current_xact_id())
  LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION '% % changed without an audit entry: use core.transitions',
      TG_ARGV[0], missing USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- The same for an update; and its version rises by one, so that a second change in a
-- transaction cannot hide behind the entry of the first.
CREATE FUNCTION audit_guard_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE missing text;
BEGIN
  SELECT n.id::text INTO missing FROM new_rows n JOIN old_rows o ON o.id = n.id
  WHERE n.version <> o.version + 1 OR NOT EXISTS (
    SELECT FROM public.audit_entry a
    WHERE a.object_type = TG_ARGV[0] AND a.object_id = n.id::text
      AND a.object_version = n.version AND a.xid = pg_current_xact_id())
  LIMIT 1;
  IF missing IS NOT NULL OR (SELECT count(*) FROM new_rows n JOIN old_rows o ON o.id = n.id)
      <> (SELECT count(*) FROM new_rows) THEN
    RAISE EXCEPTION '% % changed without an audit entry: use core.transitions',
      TG_ARGV[0], missing USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;

-- Guards a table that has `id` and `version`; called by the migrations of its room.
CREATE FUNCTION audit_guard_table(guarded regclass, object_type text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE plain text := replace(guarded::text, '"', '');
BEGIN
  EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard(%L)', plain || '_audit_insert', guarded, object_type);
  EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard_update(%L)', plain || '_audit_update', guarded, object_type);
  EXECUTE format('CREATE TRIGGER %I BEFORE DELETE ON %s
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', plain || '_audit_delete', guarded);
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guarded, plain || '_audit_insert');
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guarded, plain || '_audit_update');
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guarded, plain || '_audit_delete');
END $$;
"""

GRANTS = """
REVOKE ALL ON audit_entry FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_append(jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_guard_table(regclass, text) FROM PUBLIC;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    REVOKE ALL ON audit_entry FROM {role};
    REVOKE ALL ON SEQUENCE audit_entry_id_seq FROM {role};
    GRANT SELECT ON audit_entry TO {role};
    GRANT EXECUTE ON FUNCTION audit_append(jsonb) TO {role};
  END IF;
END $$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(TABLE, migrations.RunSQL.noop),
        migrations.RunSQL(
            GRANTS.format(role=settings.TOCSIN_APPLICATION_ROLE), migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("recorded_at", models.DateTimeField()),
                ("object_type", models.CharField(max_length=40)),
                ("object_id", models.CharField(max_length=64)),
                ("object_version", models.BigIntegerField()),
                ("body", models.JSONField()),
            ],
            options={"db_table": "audit_entry", "managed": False, "ordering": ("-id",)},
        ),
    ]
