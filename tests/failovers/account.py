"""What Tocsin said of one database, second by second: why nobody took over, if nobody did."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.failovers.telling import WELL, Bases
from tests.stories.telling import diary
from tests.support.stack import Stack, stopwatch

EVERY = 0.5
RUNNING = re.compile(r"\d[\d.]* (s|min)\b")
"""Seconds that run are no news."""
LOOKS: Mapping[str, str] = {
    "database": """
SELECT d.state, 'epoch ' || d.epoch, d.state_reason, d.degraded_reason,
       'blocked ' || (coalesce(d.blocked_until, now()) > now()) FROM inventory_database d
WHERE d.name = %(name)s""",
    "failover": """
SELECT f.number, f.kind, f.phase, f.cause, f.waiting_for, f.end_reason FROM failover_failover f
JOIN inventory_database d ON d.id = f.database_id WHERE d.name = %(name)s
ORDER BY f.number DESC LIMIT 1""",
    "copies": """
SELECT r.role, h.name, h.verdict, h.verdict_reason, h.replace, h.replace_reason,
       s.fact->>'state', 'epoch ' || (s.fact->>'epoch'), 'gate ' || (s.fact->>'gate'),
       'follows ' || (coalesce(s.fact->>'follows', '') <> ''),
       'well ' || (coalesce((s.fact->>'healthy_ms')::bigint, 0) >= %(well)s),
       'promises ' || (coalesce((s.fact->>'promised_ms')::bigint, 0) > 0),
       'heard ' || (s.at > now() - interval '3 s')
FROM inventory_replica r JOIN inventory_database d ON d.id = r.database_id
JOIN inventory_host h ON h.id = r.host_id
LEFT JOIN inventory_replicasight s ON s.replica_id = r.id WHERE d.name = %(name)s
ORDER BY r.role, h.name""",
    "lease": """
SELECT 'epoch ' || l.epoch, 'revoked ' || l.revoked, 'renewed ' || (l.sequence > 0)
FROM failover_lease l JOIN inventory_database d ON d.id = l.database_id WHERE d.name = %(name)s""",
    "leader": "SELECT epoch, holder FROM core_leader",
    "rows": "SELECT number, state, cause FROM core_incarnation ORDER BY number DESC LIMIT 1",
    "alarms": "SELECT title, body FROM alarms_alarm WHERE state <> 'ended' ORDER BY raised_at",
    "incidents": "SELECT title, state FROM incidents_incident WHERE state <> 'resolved'",
    "log": """
SELECT body->>'action', object_type, body->>'reason' FROM audit_entry
WHERE recorded_at > now() - interval '3 s' AND object_type IN ('failover', 'database', 'host')
ORDER BY id DESC LIMIT 3""",
}


@dataclass(slots=True)
class Account:
    """One line for each thing that was said otherwise than before, dated from the beginning."""

    stack: Stack
    name: str
    lines: list[str] = field(default_factory=list)
    _rows: psycopg.Connection[tuple[Any, ...]] | None = None
    _said: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        began = stopwatch()
        while not self._stop.wait(EVERY):
            for what, said in self._look().items():
                kept = RUNNING.sub("", said)
                if self._said.get(what) != kept:
                    self._said[what] = kept
                    self.lines.append(f"{stopwatch() - began:6.1f} s  {what}: {said}")
        self._let_go()

    def _look(self) -> dict[str, str]:
        values: dict[str, Any] = {"name": self.name, "well": WELL * 1000}
        try:
            rows = self._rows = self._rows or psycopg.connect(self.stack.database, autocommit=True)
            return {
                what: _words(rows.execute(sql, values).fetchall()) for what, sql in LOOKS.items()
            } | {"postgres": "answers"}
        except psycopg.Error as error:
            self._let_go()
            return {"postgres": f"{type(error).__name__}: it is away"}

    def _let_go(self) -> None:
        if self._rows is not None:
            self._rows.close()
            self._rows = None

    def stop(self) -> None:
        self._stop.set()


def _words(rows: list[tuple[Any, ...]]) -> str:
    lines = (", ".join(str(one) for one in row if one not in ("", None)) for row in rows)
    return " | ".join(lines) or "nothing"


@contextmanager
def accounting(bases: Bases, name: str) -> Iterator[None]:
    """Inside, what is said of it is written down; who fails in there hears all of it."""
    account = Account(bases.stack, name)
    thread = threading.Thread(target=account.keep, name="account", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        diary(f"what was said of {name}:\n    " + "\n    ".join(account.lines))
        raise
    finally:
        account.stop()
        thread.join(10)
