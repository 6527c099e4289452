"""What the stories of failovers look up: rows, ledgers, and the databases themselves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from recovery.core.clock import system
from recovery.core.ports import DATABASE, Login
from recovery.lab.databases.clients import Door, NotWritten, Session, connect
from tests.browser.onlab import passwords
from tests.support.running import wait_for
from tests.support.stack import Stack

WELL = 10
"""Seconds for which a standby has to be well here: stories would mostly wait for its minute."""
_OPENS = 15
"""Seconds within which the door of a database that serves lets its clients in."""
_ANSWERS = 5
"""Seconds within which it says anything at all."""
UNSETTLED = """
SELECT d.name FROM inventory_database d
LEFT JOIN inventory_writeprobe p ON p.database_id = d.id
LEFT JOIN failover_lease l ON l.database_id = d.id AND NOT l.revoked AND l.epoch = d.epoch
     AND l.sequence > 0
WHERE d.state <> 'serving' OR d.degraded_at IS NOT NULL OR p.last_ack_at IS NULL
   OR p.failing_since IS NOT NULL OR p.at < now() - interval '5 s'
   OR (d.plan = 'business' AND l.id IS NULL)
   OR EXISTS (SELECT FROM inventory_replica r WHERE r.database_id = d.id AND r.role = 'out'
              AND r.state <> 'retired')
   OR EXISTS (SELECT FROM inventory_replica r JOIN inventory_replicasight s
              ON s.replica_id = r.id JOIN inventory_host h ON h.id = r.host_id
              WHERE r.database_id = d.id AND r.role <> 'out' AND r.state <> 'retired'
              AND h.verdict = 'alive' AND s.at < now() - interval '5 s')
   OR EXISTS (SELECT FROM failover_failover f WHERE f.database_id = d.id
              AND f.phase NOT IN ('done', 'abandoned'))
"""
"""Rows outlive an outage of Tocsin: until its agents are heard again they tell of before it."""
UNPROVEN = """
SELECT d.name FROM inventory_database d JOIN inventory_replica r ON r.database_id = d.id
LEFT JOIN inventory_replicasight s ON s.replica_id = r.id
WHERE r.role = 'standby' AND (coalesce(s.fact->>'follows', '') = ''
      OR coalesce((s.fact->>'healthy_ms')::bigint, 0) < %s OR s.at < now() - interval '5 s')
"""
GAP = """
SELECT g.seconds, g.lost, g.last_before, g.first_after FROM inventory_writegap g
JOIN inventory_database d ON d.id = g.database_id
WHERE d.name = %s AND g.first_after > %s ORDER BY g.seconds DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the writing user went through."""

    seconds: float
    lost: int
    last_before: datetime
    first_after: datetime


@dataclass(slots=True)
class Bases:
    """The databases of a running stack."""

    stack: Stack

    def has_rows(self) -> bool:
        """Whether Tocsin's own PostgreSQL is there again."""
        try:
            return bool(self.stack.rows("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def unsettled(self) -> set[str]:
        """Databases that do not serve with everything that their plan wants."""
        return {str(name) for (name,) in self.stack.rows(UNSETTLED)}

    def settle(self, *names: str, seconds: float = 120.0) -> None:
        """Wait until these do; all of them where none is named."""
        wait_for(lambda: not self._among(self.unsettled(), names), seconds)

    def prove(self, *names: str, seconds: float = 150.0) -> None:
        """Wait until they do and could be failed over: a standby has to be well for a while
        (I-DB-6)."""
        self.settle(*names, seconds=seconds)
        wait_for(lambda: not self._among(self._unproven(), names), seconds)

    def _unproven(self) -> set[str]:
        return {str(name) for (name,) in self.stack.rows(UNPROVEN, (WELL + 2) * 1000)}

    @staticmethod
    def _among(found: set[str], names: tuple[str, ...]) -> set[str]:
        return found & set(names) if names else found

    def one(self, name: str, column: str) -> Any:
        sql = f"SELECT {column} FROM inventory_database WHERE name = %s"  # noqa: S608
        return self.stack.rows(sql, name)[0][0]

    def host_of(self, name: str, role: str = "primary") -> str:
        """Where its copy of this role is."""
        sql = (
            "SELECT h.name FROM inventory_replica r JOIN inventory_host h ON h.id = r.host_id"
            " JOIN inventory_database d ON d.id = r.database_id WHERE d.name = %s AND r.role = %s"
        )
        rows = self.stack.rows(sql, name, role)
        return str(rows[0][0]) if rows else ""

    def replica_on(self, name: str, host: str) -> str:
        """The key of its copy there."""
        sql = (
            "SELECT r.id FROM inventory_replica r JOIN inventory_host h ON h.id = r.host_id"
            " JOIN inventory_database d ON d.id = r.database_id WHERE d.name = %s AND h.name = %s"
        )
        return str(self.stack.rows(sql, name, host)[0][0])

    def address_of(self, host: str) -> str:
        """Where users and peers reach it."""
        return str(self.stack.lab_hosts()[host]["address"])

    def alone(self, name: str, host: str) -> str:
        """What only its copy on this host had when it came back, in its agent's words."""
        sql = (
            "SELECT s.fact->>'alone' FROM inventory_replicasight s"
            " JOIN inventory_replica r ON r.id = s.replica_id"
            " JOIN inventory_database d ON d.id = r.database_id"
            " JOIN inventory_host h ON h.id = r.host_id WHERE d.name = %s AND h.name = %s"
        )
        return str(self.stack.rows(sql, name, host)[0][0])

    def acknowledged(self, name: str) -> int:
        sql = (
            "SELECT p.acknowledged FROM inventory_writeprobe p"
            " JOIN inventory_database d ON d.id = p.database_id WHERE d.name = %s"
        )
        return int(self.stack.rows(sql, name)[0][0])

    def is_failing(self, name: str) -> bool:
        sql = (
            "SELECT p.failing_since IS NOT NULL FROM inventory_writeprobe p"
            " JOIN inventory_database d ON d.id = p.database_id WHERE d.name = %s"
        )
        return bool(self.stack.rows(sql, name)[0][0])

    def waited(self, name: str, since: datetime) -> Wait | None:
        """Its user's longest gap that ended after this instant."""
        rows = self.stack.rows(GAP, name, since)
        return Wait(*rows[0]) if rows else None

    def failover(self, name: str) -> dict[str, Any]:
        """Its newest one."""
        names = ("kind", "phase", "loss", "proof", "cause", "end_reason", "waiting_for")
        sql = (
            f"SELECT {', '.join(f'f.{one}' for one in names)} FROM failover_failover f"  # noqa: S608
            " JOIN inventory_database d ON d.id = f.database_id WHERE d.name = %s"
            " ORDER BY f.number DESC LIMIT 1"
        )
        rows = self.stack.rows(sql, name)
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    # ------------------------------------------------------------------ who wrote what

    @property
    def writers(self) -> Path:
        """The folder of their ledgers."""
        return Path(self.stack.env["TOCSIN_VAR"]) / "lab" / "writers"

    def ledger(self, name: str) -> set[int]:
        """The numbers that were acknowledged, from the writer's own file."""
        text = (self.writers / f"{name}.ledger").read_text()
        return {int(line) for line in text.split("\n")[:-1]}

    def missing(self, name: str) -> set[int]:
        """Acknowledged numbers that the database does not have, asked of it now by its door."""
        ledger, door = self.ledger(name), self._door(name)
        with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
            return ledger - apart.submit(lambda: asyncio.run(_present(door))).result()

    def _door(self, name: str) -> Door:
        sql = "SELECT engine, edge_port FROM inventory_database WHERE name = %s"
        engine, port = self.stack.rows(sql, name)[0]
        secret, login = self.stack.secret_of(name), Login.CLIENT
        return Door(engine, "127.0.0.1", port, login, login.password(secret), DATABASE)

    # ------------------------------------------------------------------ what people do

    def allow(self, name: str) -> None:
        """A person says that another failover within the hour need not wait (I-DB-8)."""
        if self.one(name, "blocked_until > now()"):
            reason = "The story fails it over again."
            said = self.press(f"/databases/{name}/unblock/", reason=reason)
            assert "may fail over by itself again" in said

    def press(self, path: str, who: str = "responder", **fields: str) -> str:
        """Sign in as a person does, open the page's dialog, fill it in; what the page says."""
        with self._signed_in(who) as client:
            form = client.get(path)
            assert form.status_code == httpx.codes.OK, form.text[:500]
            said = client.post(path, data={"csrfmiddlewaretoken": _token(form.text), **fields})
            return said.text

    def read(self, path: str, who: str = "viewer") -> str:
        """A page as this person sees it."""
        with self._signed_in(who) as client:
            return client.get(path).text

    @contextmanager
    def _signed_in(self, who: str) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.stack.url, follow_redirects=True, timeout=15) as client:
            login = client.get("/account/login/")
            said = client.post(
                "/account/login/",
                data={
                    "csrfmiddlewaretoken": _token(login.text),
                    "login": who,
                    "password": passwords(self.stack)[who],
                },
            )
            assert "Sign in to the control room" not in said.text, said.text[-1500:]
            yield client


async def _present(door: Door) -> set[int]:
    """Its door opens a moment after its row says that it is served."""
    session = await _admitted(door)
    try:
        return await session.present(0)
    finally:
        session.close()


async def _admitted(door: Door) -> Session:
    """Who is refused asks again; an attempt that is never answered fails the story."""
    until, why = system.monotonic() + _OPENS, ""
    while system.monotonic() < until:
        try:
            async with asyncio.timeout(_ANSWERS):
                return await connect(door)
        except NotWritten as refused:
            why = str(refused)
            await asyncio.sleep(0.1)
    raise AssertionError(f"{door} lets nobody in: {why}")


def _token(html: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def now() -> datetime:
    """Wall time, for rows."""
    return system.now()
