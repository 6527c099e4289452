"""What must hold after every round; each check names its faults in sentences."""

from __future__ import annotations

import time
from collections import Counter

from recovery.core.clock import system
from tests.chaos import journals, truth
from tests.support.stack import Stack

GUARDED = """
SELECT c.relname, convert_from(rtrim(t.tgargs, '\\000'), 'UTF8')
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgname LIKE '%%_audit_insert'
"""
"""Every guarded table with its audit type: asked of the database, so that none is forgotten."""
GAPS = """
SELECT r.id::text, r.version, coalesce(a.entries, 0), coalesce(a.versions, 0), coalesce(a.top, 0)
FROM {table} r LEFT JOIN (
  SELECT object_id, count(*) AS entries, count(DISTINCT object_version) AS versions,
         max(object_version) AS top
  FROM audit_entry WHERE object_type = %s GROUP BY object_id) a ON a.object_id = r.id::text
WHERE a.entries IS DISTINCT FROM r.version OR a.versions IS DISTINCT FROM r.version
   OR a.top IS DISTINCT FROM r.version
"""
ORPHANS = """
SELECT DISTINCT object_id FROM audit_entry
WHERE object_type = %s AND NOT EXISTS (SELECT FROM {table} r WHERE r.id::text = object_id)
"""
STUCK = (
    ("operation", "SELECT id, state FROM operations_operation WHERE state IN"
     " ('waiting', 'intended', 'handed', 'unknown')"),
    ("incident", "SELECT number, state FROM incidents_incident WHERE state <> 'resolved'"),
    ("alarm", "SELECT key, state FROM alarms_alarm WHERE state <> 'ended' AND NOT"
     " (key = 'storm' AND (SELECT count(*) > 10 FROM alarms_alarm a WHERE a.key <> 'storm'"
     "  AND a.raised_at > now() - interval '10 minutes'))"),
    ("hold", "SELECT cause, reason FROM scheduling_hold WHERE state = 'open'"),
    ("situation", "SELECT key, state FROM detection_situation WHERE state = 'open'"),
    ("outage", "SELECT a.name, o.started_at FROM traffic_outage o JOIN inventory_application a"
     " ON a.id = o.application_id WHERE o.state = 'open'"),
    ("message", "SELECT subject, state || ' ' || last_error FROM alarms_delivery"
     " WHERE state IN ('waiting', 'taken')"),
    ("host", "SELECT name, verdict || ' ' || replace || ' ' || quarantine_reason FROM"
     " inventory_host WHERE verdict <> 'alive' OR replace <> 'none' OR quarantined_at IS NOT NULL"),
    ("seat", "SELECT id, state FROM inventory_placement WHERE state NOT IN"
     " ('running', 'stopped', 'failed')"),
    ("brake", "SELECT name, 'blind' FROM detection_brake WHERE blind_at IS NOT NULL"),
)  # fmt: skip
"""What may not be left once everything is at rest."""
TWO_SEATS = """
SELECT a.name, h.name, count(*) FROM inventory_placement p
JOIN inventory_application a ON a.id = p.application_id JOIN inventory_host h ON h.id = p.host_id
WHERE p.state NOT IN ('stopped', 'failed') GROUP BY 1, 2 HAVING count(*) > 1
"""
SEATS = """
SELECT h.name, a.name, a.name || '-' || c.ordinal, p.generation FROM inventory_placement p
JOIN inventory_host h ON h.id = p.host_id JOIN inventory_container c ON c.id = p.container_id
JOIN inventory_application a ON a.id = p.application_id WHERE p.state = 'running'
"""
WANTED = """
SELECT a.name || '-' || c.ordinal FROM inventory_container c
JOIN inventory_application a ON a.id = c.application_id WHERE c.wanted AND c.ordinal <= a.copies
"""


LOOKS_FOR = 10.0


def faults(stack: Stack) -> list[str]:
    """Everything that is wrong now that all should be well."""
    return [
        *stuck(stack),
        *running_once(stack),
        *two_seats(stack),
        *acted_twice(stack),
        *audit_gaps(stack),
        *epochs(stack),
    ]


def stuck(stack: Stack) -> list[str]:
    """What has not come to rest."""
    return [
        f"stuck {kind}: {which} {what}" for kind, sql in STUCK for which, what in stack.rows(sql)
    ]


def running_once(stack: Stack) -> list[str]:
    """Rows and hosts agree: each wanted container answers once, where its row says.

    All is at rest by now, so what is wrong stays wrong: a look at a machine so busy that nothing
    answers in time is repeated.
    """
    deadline = system.monotonic() + LOOKS_FOR
    while (said := _disagreements(stack)) and system.monotonic() < deadline:
        time.sleep(0.5)
    return said


def _disagreements(stack: Stack) -> list[str]:
    rows = Counter(truth.Answering(*row) for row in stack.rows(SEATS))
    addresses = [str(host["address"]) for host in stack.lab_hosts().values()]
    ports = [port for (port,) in stack.rows("SELECT DISTINCT port FROM inventory_placement")]
    real = Counter(truth.answering(addresses, ports))
    said = [f"a row says that {_named(one)} runs, nothing answers" for one in rows - real]
    said += [f"{_named(one)} answers and has no row" for one in real - rows]
    copies = Counter(one.container for one in real.elements())
    for (container,) in stack.rows(WANTED):
        if copies[container] != 1:
            said.append(f"{container} answers {copies[container]} times")
    return said


def _named(one: truth.Answering) -> str:
    return f"{one.container} generation {one.generation} on {one.host}"


def two_seats(stack: Stack) -> list[str]:
    return [f"{count} seats of {app} on {host}" for app, host, count in stack.rows(TWO_SEATS)]


def acted_twice(stack: Stack) -> list[str]:
    """The agents' journals against the operations."""
    rows = stack.rows(
        "SELECT o.id::text, h.name, o.state FROM operations_operation o"
        " JOIN inventory_host h ON h.id = o.host_id"
    )
    operations = {operation: (host, state) for operation, host, state in rows}
    return journals.faults_of(journals.journaled(stack.running.state.folder / "lab"), operations)


def audit_gaps(stack: Stack) -> list[str]:
    """Every version of every guarded object has exactly its entry, and no entry has no object."""
    said = []
    for table, kind in stack.rows(GUARDED):
        for pk, version, entries, versions, top in stack.rows(GAPS.format(table=table), kind):
            said.append(
                f"{kind} {pk} is at version {version}: {entries} entries of {versions} versions,"
                f" the newest {top}"
            )
        for (pk,) in stack.rows(ORPHANS.format(table=table), kind):
            said.append(f"entries of {kind} {pk}, which has no row")
    return said


def epochs(stack: Stack) -> list[str]:
    """Leaders' epochs are 1, 2, 3, … without a gap or a second of one number."""
    told = [
        int(version)
        for (version,) in stack.rows(
            "SELECT object_version FROM audit_entry WHERE object_type = 'leader' ORDER BY id"
        )
    ]
    return [] if told == list(range(1, len(told) + 1)) else [f"leaders' epochs are {told}"]
