"""A person at the page where the copy is chosen that leads next, and what its story waits for."""

from __future__ import annotations

import html as marked
import re
from dataclasses import dataclass
from datetime import datetime

import psutil

from tests.failovers.lagging import receiver_of
from tests.failovers.telling import WELL, Bases
from tests.support.running import wait_for

HIDDEN = re.compile(r'<input type="hidden" name="(digest|first)"(?: value="([^"]*)")?')
TAGS = re.compile(r"<[^>]+>")
STANDS = """
SELECT coalesce(s.fact->>'follows', '') <> '', (s.fact->>'healthy_ms')::bigint / 1000.0,
       d.degraded_at IS NOT NULL, coalesce(l.sequence, 0) > 0
FROM inventory_replica r JOIN inventory_database d ON d.id = r.database_id
JOIN inventory_replicasight s ON s.replica_id = r.id
LEFT JOIN failover_lease l ON l.database_id = d.id AND NOT l.revoked AND l.epoch = d.epoch
WHERE d.name = %s AND r.role = 'standby' AND s.at > now() - interval '3 s'
"""
RUNG = """
SELECT a.state, i.number, i.state FROM alarms_alarm a
JOIN inventory_database d ON a.key = 'database:' || d.id || ':no-candidate'
LEFT JOIN incidents_incident i ON i.id = a.incident_id
WHERE d.name = %s AND a.raised_at > %s ORDER BY a.raised_at DESC LIMIT 1
"""
ENTRIES = """
SELECT body->'actor'->>'id', body->>'reason' FROM audit_entry
WHERE body->>'action' = %s AND recorded_at > %s ORDER BY id
"""


@dataclass(slots=True)
class Page:
    """The page of one database's choice, as one person has it open."""

    bases: Bases
    name: str
    who: str

    @property
    def path(self) -> str:
        return f"/databases/{self.name}/promote/"

    def read(self) -> str:
        """In words."""
        return words(self.bases.read(self.path, self.who))

    def open(self) -> dict[str, str]:
        """What its form is bound to, once it can be filled in."""
        wait_for(lambda: self._form().get("digest"), 30)
        return self._form()

    def _form(self) -> dict[str, str]:
        return dict(HIDDEN.findall(self.bases.read(self.path, self.who)))

    def press(self, form: dict[str, str], reason: str) -> str:
        """The typed name and a reason, too; in words what came of it."""
        return words(self.bases.press(self.path, self.who, typed=self.name, reason=reason, **form))


def words(page: str) -> str:
    return " ".join(marked.unescape(TAGS.sub(" ", page)).split())


def restart_standby(bases: Bases, name: str) -> None:
    """Its server ends at once and its agent starts it again: it follows anew, and for how long it
    has been well is counted from there (I-DB-6). Returns while that is too short."""
    host = bases.host_of(name, "standby")
    server = receiver_of(bases.replica_on(name, host)).parent()
    assert server is not None
    server.kill()
    psutil.wait_procs([server], 10)
    wait_for(lambda: _is_new(bases, name), 60)


def _is_new(bases: Bases, name: str) -> bool:
    """A third of what is wanted, its primary lives by its lease, and nothing is degraded."""
    rows = bases.stack.rows(STANDS, name)
    if len(rows) != 1 or rows[0][1] is None:
        return False
    follows, well, is_degraded, lives_by_a_lease = rows[0]
    is_there = follows and lives_by_a_lease and not is_degraded
    return bool(is_there and WELL / 3 <= float(well) < WELL - 2)


def rung(bases: Bases, name: str, since: datetime) -> tuple[str, int, str] | None:
    """The alarm that nobody is safe, its incident's number and state."""
    rows = bases.stack.rows(RUNG, name, since)
    return (str(rows[0][0]), int(rows[0][1]), str(rows[0][2])) if rows else None


def entries(bases: Bases, action: str, since: datetime) -> list[tuple[str, str]]:
    """Who did that, and why."""
    return [(str(who), str(why)) for who, why in bases.stack.rows(ENTRIES, action, since)]
