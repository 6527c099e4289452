"""Who asked and who wrote it stand in the plan that is signed, and a broken rule serves who broke it.

The functions of 0002 are written anew; their triggers stay as they are.
"""

from django.db import migrations, models

FUNCTIONS = """
CREATE OR REPLACE FUNCTION drp_guard_plan() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.digest <> encode(sha256(convert_to(NEW.plan, 'UTF8')), 'hex') THEN
    PERFORM drp_refuse('the digest is not that of the plan');
  END IF;
  IF NEW.mode <> NEW.plan::jsonb ->> 'mode' OR NEW.lost <> NEW.plan::jsonb #>> '{lost,name}' THEN
    PERFORM drp_refuse('the run says something else than its plan');
  END IF;
  IF NEW.requested_by IS DISTINCT FROM NEW.plan::jsonb ->> 'requester' THEN
    PERFORM drp_refuse('somebody else asked for the plan');
  END IF;
  IF NEW.last_editor IS DISTINCT FROM
       (SELECT written_by FROM drp_runbookversion WHERE id = NEW.runbook_id)
     OR NEW.last_editor IS DISTINCT FROM NEW.plan::jsonb ->> 'last_editor' THEN
    PERFORM drp_refuse('somebody else wrote the runbook');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION drp_guard_begin() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE needed integer; used integer;
BEGIN
  IF NEW.state <> 'begun' OR OLD.state = 'begun' THEN RETURN NEW; END IF;
  SELECT drp_needed(r.plan::jsonb, NEW.name) INTO needed
    FROM drp_run r WHERE r.id = NEW.run_id AND r.state = 'running';
  IF needed IS NULL THEN
    PERFORM drp_refuse('nothing begins in a run that does not run, or that has no such step');
  END IF;
  IF EXISTS (SELECT FROM drp_breakglass b JOIN drp_approval p ON p.ask_id = b.ask_id
             JOIN drp_approvaluse u ON u.approval_id = p.id
             WHERE u.step_id = NEW.id AND u.round = NEW.round AND b.rules ? 'too_few_people'
               AND p.approver = b.by AND p.principal = b.by) THEN
    needed := least(needed, 1);
  END IF;
  SELECT count(DISTINCT p.principal) INTO used FROM drp_approvaluse u
    JOIN drp_approval p ON p.id = u.approval_id WHERE u.step_id = NEW.id AND u.round = NEW.round;
  IF used < needed THEN
    PERFORM drp_refuse(format('%s approvals where %s takes %s', used, NEW.name, needed));
  END IF;
  RETURN NEW;
END $$;

-- What is not in force (any more) is simulated, and not started; a runbook that is retired in the
-- same moment waits for us.
CREATE FUNCTION drp_guard_start() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE there text;
BEGIN
  IF OLD.state <> 'prepared' OR NEW.state <> 'running' OR NEW.mode = 'simulation' THEN
    RETURN NEW;
  END IF;
  SELECT state INTO there FROM drp_runbookversion WHERE id = NEW.runbook_id FOR SHARE;
  IF there IS DISTINCT FROM 'active' THEN
    PERFORM drp_refuse(format('its runbook is %s: only what is active is run', there));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER drp_run_start BEFORE UPDATE ON drp_run FOR EACH ROW EXECUTE FUNCTION drp_guard_start();
ALTER TABLE drp_run ENABLE ALWAYS TRIGGER drp_run_start;
"""


class Migration(migrations.Migration):
    """Glass that was broken before carries no signature, and is whole again."""

    dependencies = [("drp", "0002_guard")]
    operations = [
        migrations.AddField(
            model_name="breakglass",
            name="proof",
            field=models.TextField(default=""),
            preserve_default=False,
        ),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
    ]
