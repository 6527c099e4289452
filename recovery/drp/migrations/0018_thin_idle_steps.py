"""A step that has nothing to do it to takes nobody's approval. The trigger stays as it is."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION drp_needed(plan jsonb, step text) RETURNS integer LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN plan ->> 'mode' = 'simulation'
           OR (s -> 'waves' = '[]'::jsonb
               AND s ->> 'kind' NOT IN ('approval', 'fence_datacenter')) THEN 0
    ELSE greatest(
      coalesce((s -> 'approval' ->> 'count')::integer, 0),
      CASE WHEN s ->> 'kind' IN ('fence_datacenter', 'promote_databases', 'restore_databases',
                                 'approval')
             OR s ->> 'point_of_no_return' IS NOT NULL THEN 1 ELSE 0 END) END
  FROM jsonb_array_elements(plan -> 'steps') s WHERE s ->> 'id' = step
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("drp", "0017_left_retired_drill_hosts")]
    operations = [migrations.RunSQL(FUNCTION, migrations.RunSQL.noop)]
