"""What seals the log: leaves, the tree's kept nodes, checkpoints, cosignatures, keys.

The application reads all of it and writes none of it but through the functions below. They
hold what SQL can hold: the next entries and no others, dense indexes, one sealer at a time.
"""

from django.conf import settings
from django.db import migrations

TABLES = """
DROP INDEX audit_entry_xid;
CREATE INDEX audit_entry_order ON audit_entry (xid, id);

CREATE TABLE audit_head (
  id       smallint PRIMARY KEY CHECK (id = 1),
  epoch    bigint NOT NULL,
  holder   text NOT NULL,
  beat     bigint NOT NULL,
  size     bigint NOT NULL,
  xid      xid8 NOT NULL,
  entry    bigint NOT NULL,
  frontier bytea NOT NULL
);
INSERT INTO audit_head VALUES (1, 0, '', 0, 0, '0', 0, '');
CREATE TABLE audit_leaf (
  index    bigint PRIMARY KEY,
  entry_id bigint NOT NULL UNIQUE,
  hash     bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE audit_node (
  level    smallint,
  index    bigint,
  hash     bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (level, index)
);
CREATE TABLE audit_key (
  vkey     text PRIMARY KEY,
  since    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE audit_checkpoint (
  size      bigint PRIMARY KEY,
  root      bytea NOT NULL CHECK (length(root) = 32),
  note      text NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE audit_cosignature (
  size        bigint NOT NULL REFERENCES audit_checkpoint,
  witness     text NOT NULL,
  vkey        text NOT NULL,
  line        text NOT NULL,
  cosigned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (size, witness)
);
CREATE INDEX audit_cosignature_witness ON audit_cosignature (witness, size);
"""

FUNCTIONS = """
-- Become the sealer if the epoch is still the one seen; the new epoch, or NULL.
CREATE FUNCTION audit_lead(seen bigint, who text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  UPDATE public.audit_head SET epoch = epoch + 1, holder = who, beat = beat + 1
  WHERE epoch = seen RETURNING epoch
$$;

CREATE FUNCTION audit_beat(mine bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  UPDATE public.audit_head SET beat = beat + 1 WHERE epoch = mine RETURNING beat
$$;

-- Append the leaves of exactly the next entries; the new size, or NULL for who comes second.
-- Gap-free: nothing below the oldest running transaction can still commit, so that what
-- stands between the last sealed (xid, id) and that horizon is all that will ever stand there.
CREATE FUNCTION audit_seal(
  mine bigint, at_size bigint, ids bigint[], hashes bytea[], edge bytea,
  levels smallint[], places bigint[], nodes bytea[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE head public.audit_head; expected bigint[]; last public.audit_entry;
BEGIN
  SELECT * INTO head FROM public.audit_head WHERE epoch = mine AND size = at_size FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT array_agg(e.id ORDER BY e.xid, e.id) INTO expected FROM (
    SELECT a.xid, a.id FROM public.audit_entry a
    WHERE (a.xid, a.id) > (head.xid, head.entry)
      AND a.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY a.xid, a.id LIMIT cardinality(ids)) e;
  IF expected IS DISTINCT FROM ids OR cardinality(hashes) <> cardinality(ids)
      OR length(edge) <> 32 * bit_count((head.size + cardinality(ids))::bit(64)) THEN
    RAISE EXCEPTION 'these are not the next entries to be sealed'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO public.audit_leaf
    SELECT head.size + n - 1, id, hash FROM unnest(ids, hashes) WITH ORDINALITY AS t (id, hash, n);
  INSERT INTO public.audit_node SELECT * FROM unnest(levels, places, nodes);
  SELECT * INTO last FROM public.audit_entry WHERE id = ids[cardinality(ids)];
  UPDATE public.audit_head SET size = head.size + cardinality(ids), xid = last.xid,
    entry = last.id, frontier = edge, beat = beat + 1 WHERE id = 1;
  RETURN head.size + cardinality(ids);
END $$;

-- Publish a signed checkpoint; false when it stands already. A log has one root for each size.
CREATE FUNCTION audit_publish(of_size bigint, its_root bytea, signed text, by_key text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE there public.audit_checkpoint;
BEGIN
  IF of_size > (SELECT size FROM public.audit_head) THEN
    RAISE EXCEPTION 'there are not yet % leaves', of_size
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO public.audit_key (vkey) VALUES (by_key) ON CONFLICT DO NOTHING;
  INSERT INTO public.audit_checkpoint (size, root, note) VALUES (of_size, its_root, signed)
    ON CONFLICT DO NOTHING;
  IF FOUND THEN RETURN true; END IF;
  SELECT * INTO there FROM public.audit_checkpoint WHERE size = of_size;
  IF there.root <> its_root THEN
    RAISE EXCEPTION 'another root of % leaves was published', of_size
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN false;
END $$;

CREATE FUNCTION audit_cosign(of_size bigint, who text, by_key text, its_line text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  INSERT INTO public.audit_cosignature (size, witness, vkey, line)
    VALUES (of_size, who, by_key, its_line) ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;
"""

APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
"""

KEPT = ("audit_leaf", "audit_node", "audit_key", "audit_checkpoint", "audit_cosignature")
CALLED = (
    "audit_lead(bigint, text)",
    "audit_beat(bigint)",
    "audit_seal(bigint, bigint, bigint[], bytea[], bytea, smallint[], bigint[], bytea[])",
    "audit_publish(bigint, bytea, text, text)",
    "audit_cosign(bigint, text, text, text)",
)


def grants(role):
    """Rows to read, functions to call; nothing else, for nobody else."""
    tables, functions = ", ".join(("audit_head", *KEPT)), ", ".join(CALLED)
    return f"""
REVOKE ALL ON {tables} FROM PUBLIC;
REVOKE ALL ON FUNCTION {functions} FROM PUBLIC;
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    REVOKE ALL ON {tables} FROM {role};
    GRANT SELECT ON {tables} TO {role};
    GRANT EXECUTE ON FUNCTION {functions} TO {role};
  END IF;
END $$;
"""  # noqa: S608 - our own names


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_append_only")]
    operations = [
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(APPEND_ONLY.format(table=table), migrations.RunSQL.noop)
            for table in KEPT
        ),
        migrations.RunSQL(grants(settings.TOCSIN_APPLICATION_ROLE), migrations.RunSQL.noop),
    ]
