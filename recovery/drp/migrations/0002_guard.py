"""The second lock: what the rules refuse, PostgreSQL refuses too, whoever writes.

Each trigger is ENABLE ALWAYS; its function names where it looks, temporary tables last. It knows no
signature: who forges rows is stopped by whoever acts, which looks at keys that are not in here.
"""

from django.db import migrations

from recovery.audit.guard import guard_tables

MOVES = {
    "runbookversion": "draft>active draft>retired active>retired",
    "run": "prepared>running prepared>aborted running>paused paused>running running>aborting"
    " paused>aborting running>done aborting>aborted",
    "runstep": "pending>asking pending>begun asking>begun asking>pending begun>done begun>failed"
    " failed>pending pending>skipped asking>skipped failed>skipped",
    "act": "intended>done intended>failed intended>unknown unknown>done unknown>failed",
    "ask": "open>used open>denied open>void open>expired",
}
FIRST = {
    "runbookversion": "draft",
    "run": "prepared",
    "runstep": "pending",
    "act": "intended",
    "ask": "open",
}
FIXED = {
    "runbookversion": "id name number raw digest written_by written_at",
    "run": "id number runbook_id mode lost into plan digest requested_by requested_at request_reason"
    " last_editor incarnation override",
    "runstep": "id run_id name position",
    "act": "id step_id key target target_name number round intended_at",
    "ask": "id step_id round nonce asked_at pulse",
    "delegation": "id giver taker role reason begins_at ends_at",
}
UNSKIPPABLE = "fence_datacenter freeze_automation approval"
UNALTERABLE = ("approval", "approvaluse", "breakglass")

FUNCTIONS = """
CREATE FUNCTION drp_refuse(said text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', said USING ERRCODE = 'integrity_constraint_violation'; END $$;

-- Arguments: the moves, the state of a new row, the columns that never change.
CREATE FUNCTION drp_guard_moves() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE col text; was jsonb; then_ jsonb := to_jsonb(NEW);
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF TG_ARGV[1] <> '' AND then_ ->> 'state' <> TG_ARGV[1] THEN
      PERFORM drp_refuse(format('a new row of %s begins as %s', TG_TABLE_NAME, TG_ARGV[1]));
    END IF;
    RETURN NEW;
  END IF;
  was := to_jsonb(OLD);
  FOREACH col IN ARRAY string_to_array(TG_ARGV[2], ' ') LOOP
    IF was -> col IS DISTINCT FROM then_ -> col THEN
      PERFORM drp_refuse(format('%s of %s never changes', col, TG_TABLE_NAME));
    END IF;
  END LOOP;
  IF TG_ARGV[0] <> '' AND was ->> 'state' IS DISTINCT FROM then_ ->> 'state' AND NOT
     (was ->> 'state') || '>' || (then_ ->> 'state') = ANY (string_to_array(TG_ARGV[0], ' ')) THEN
    PERFORM drp_refuse(format('%s is never %s after %s', TG_TABLE_NAME, then_ ->> 'state', was ->> 'state'));
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION drp_guard_plan() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.digest <> encode(sha256(convert_to(NEW.plan, 'UTF8')), 'hex') THEN
    PERFORM drp_refuse('the digest is not that of the plan');
  END IF;
  IF NEW.mode <> NEW.plan::jsonb ->> 'mode' OR NEW.lost <> NEW.plan::jsonb #>> '{lost,name}' THEN
    PERFORM drp_refuse('the run says something else than its plan');
  END IF;
  IF NEW.last_editor IS DISTINCT FROM
     (SELECT written_by FROM drp_runbookversion WHERE id = NEW.runbook_id) THEN
    PERFORM drp_refuse('somebody else wrote the runbook');
  END IF;
  RETURN NEW;
END $$;

-- How many approvals a step takes: what its plan says, and of what is dangerous or cannot be taken
-- back one at least.
CREATE FUNCTION drp_needed(plan jsonb, step text) RETURNS integer LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN plan ->> 'mode' = 'simulation' THEN 0 ELSE greatest(
      coalesce((s -> 'approval' ->> 'count')::integer, 0),
      CASE WHEN s ->> 'kind' IN ('fence_datacenter', 'promote_databases', 'restore_databases',
                                 'approval')
             OR s ->> 'point_of_no_return' IS NOT NULL THEN 1 ELSE 0 END) END
  FROM jsonb_array_elements(plan -> 'steps') s WHERE s ->> 'id' = step
$$;

CREATE FUNCTION drp_guard_begin() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE needed integer; used integer;
BEGIN
  IF NEW.state <> 'begun' OR OLD.state = 'begun' THEN RETURN NEW; END IF;
  SELECT drp_needed(r.plan::jsonb, NEW.name) INTO needed
    FROM drp_run r WHERE r.id = NEW.run_id AND r.state = 'running';
  IF needed IS NULL THEN
    PERFORM drp_refuse('nothing begins in a run that does not run, or that has no such step');
  END IF;
  IF EXISTS (SELECT FROM drp_breakglass b JOIN drp_ask a ON a.id = b.ask_id
             WHERE a.step_id = NEW.id AND a.round = NEW.round AND b.rules ? 'too_few_people') THEN
    needed := least(needed, 1);
  END IF;
  SELECT count(DISTINCT p.principal) INTO used FROM drp_approvaluse u
    JOIN drp_approval p ON p.id = u.approval_id WHERE u.step_id = NEW.id AND u.round = NEW.round;
  IF used < needed THEN
    PERFORM drp_refuse(format('%s approvals where %s takes %s', used, NEW.name, needed));
  END IF;
  RETURN NEW;
END $$;

-- Argument: the kinds that are never skipped.
CREATE FUNCTION drp_guard_step() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.round <> OLD.round + (OLD.state = 'failed' AND NEW.state = 'pending')::integer THEN
    PERFORM drp_refuse('a round more is a retry of what failed, and nothing else');
  END IF;
  IF NEW.state = 'skipped' AND OLD.state <> 'skipped' AND EXISTS (
      SELECT FROM drp_run r, jsonb_array_elements(r.plan::jsonb -> 'steps') s
      WHERE r.id = NEW.run_id AND s ->> 'id' = NEW.name
        AND s ->> 'kind' = ANY (string_to_array(TG_ARGV[0], ' '))) THEN
    PERFORM drp_refuse(format('%s protects what comes after it, and is never skipped', NEW.name));
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION drp_guard_act() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM drp_runstep s JOIN drp_run r ON r.id = s.run_id
                 WHERE s.id = NEW.step_id AND s.state = 'begun' AND s.round = NEW.round
                   AND r.state = 'running' AND r.mode <> 'simulation') THEN
    PERFORM drp_refuse('nothing is intended outside a step that has begun');
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION drp_guard_approval() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE run drp_run; broken jsonb := '[]';
BEGIN
  SELECT r.* INTO run FROM drp_ask a JOIN drp_runstep s ON s.id = a.step_id
    JOIN drp_run r ON r.id = s.run_id
    WHERE a.id = NEW.ask_id AND a.state = 'open' AND a.round = s.round FOR SHARE OF a;
  IF run.id IS NULL THEN PERFORM drp_refuse('nobody asks this any more'); END IF;
  IF NEW.digest <> run.digest OR NEW.requester <> run.requested_by OR NEW.editor <> run.last_editor THEN
    PERFORM drp_refuse('the approval is about another run');
  END IF;
  IF abs(extract(epoch FROM clock_timestamp() - NEW.given_at)) > 10 THEN
    PERFORM drp_refuse('an approval is given now, by the clock of the database');
  END IF;
  SELECT b.rules INTO broken FROM drp_breakglass b
    WHERE b.id = NEW.broke_id AND b.ask_id = NEW.ask_id AND b.by = NEW.approver
      AND NEW.principal = NEW.approver;
  broken := coalesce(broken, '[]');
  IF run.requested_by IN (NEW.approver, NEW.principal) AND NOT broken ? 'requester_approves' THEN
    PERFORM drp_refuse('who asked for the run never approves');
  END IF;
  IF run.last_editor IN (NEW.approver, NEW.principal) AND NOT broken ? 'editor_approves' THEN
    PERFORM drp_refuse('who wrote the runbook never approves');
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION drp_guard_use() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE age double precision;
BEGIN
  SELECT extract(epoch FROM clock_timestamp() - p.given_at) INTO age
    FROM drp_approval p JOIN drp_ask a ON a.id = p.ask_id
    JOIN drp_runstep s ON s.id = a.step_id JOIN drp_run r ON r.id = s.run_id
    WHERE p.id = NEW.approval_id AND p.is_yes AND a.state = 'open' AND s.id = NEW.step_id
      AND a.round = NEW.round AND s.round = NEW.round AND s.state = 'asking'
      AND r.state = 'running' AND r.digest = p.digest;
  IF age IS NULL THEN PERFORM drp_refuse('the approval is not of this step now'); END IF;
  IF age < 0 OR age >= 1800 OR NEW.pulse - (SELECT pulse FROM drp_approval WHERE id = NEW.approval_id) >= 1800 THEN
    PERFORM drp_refuse('the approval is older than 30 minutes');
  END IF;
  RETURN NEW;
END $$;
"""


def trigger(table: str, name: str, when: str, call: str, *, each: str = "ROW") -> migrations.RunSQL:
    sql = (
        f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {call};"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name};"
    )
    return migrations.RunSQL(sql, migrations.RunSQL.noop)


def moves(table: str) -> migrations.RunSQL:
    arguments = ", ".join(f"'{each.get(table, '')}'" for each in (MOVES, FIRST, FIXED))
    return trigger(f"drp_{table}", "moves", "INSERT OR UPDATE", f"drp_guard_moves({arguments})")


class Migration(migrations.Migration):
    """The pulse is not guarded: it is the leaders' count, overwritten every second."""

    dependencies = [("drp", "0001_initial"), ("audit", "0001_append_only")]
    operations = [
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL("CREATE SEQUENCE drp_run_number START 1", "DROP SEQUENCE drp_run_number"),
        *guard_tables(
            drp_runbookversion="runbook",
            drp_run="drp run",
            drp_runstep="drp step",
            drp_act="drp act",
            drp_ask="drp question",
            drp_breakglass="drp break-glass",
            drp_approval="drp approval",
            drp_approvaluse="drp approval use",
            drp_delegation="drp delegation",
        ),
        *(moves(table) for table in FIXED),
        *(
            trigger(
                f"drp_{table}",
                "unalterable",
                "UPDATE OR TRUNCATE",
                "audit_refuse()",
                each="STATEMENT",
            )
            for table in UNALTERABLE
        ),
        trigger("drp_run", "plan", "INSERT", "drp_guard_plan()"),
        trigger("drp_runstep", "begin", "UPDATE", "drp_guard_begin()"),
        trigger("drp_runstep", "step", "UPDATE", f"drp_guard_step('{UNSKIPPABLE}')"),
        trigger("drp_act", "intent", "INSERT", "drp_guard_act()"),
        trigger("drp_approval", "word", "INSERT", "drp_guard_approval()"),
        trigger("drp_approvaluse", "use", "INSERT", "drp_guard_use()"),
    ]
