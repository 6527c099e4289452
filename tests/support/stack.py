"""A whole Tocsin with its lab, started as a person starts it, for stories, benches and chaos."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from cryptography.fernet import Fernet, MultiFernet

from recovery.core.clock import system
from recovery.detection.policy import Policy
from recovery.engines.places import door
from recovery.lab import client, layout
from tests.support import own
from tests.support.running import ROOT, Running, environment, started, wait_for

QUIET = ("running", "stopped", "failed")
LOSSES = """
SELECT count(*) FROM audit_entry
WHERE object_type = 'host' AND body->>'action' IN ('lost', 'hung', 'unknown')
"""
BRAKED_BY = """
SELECT count(*) FROM audit_entry
WHERE object_type = 'host' AND body->>'action' IN ('lost', 'hung', 'unknown')
  AND recorded_at > greatest(now() - make_interval(secs => %s),
                             (SELECT taken_at FROM core_leader))
"""
"""What the leader remembers of them (I-BR-1)."""
WINDOW = Policy().window


@dataclass(slots=True)
class Stack:
    """Its rows, its lab, its API: everything that a story looks at or touches."""

    running: Running
    env: Mapping[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    _rows: psycopg.Connection[tuple[Any, ...]] | None = field(default=None, repr=False)
    _turn: threading.RLock = field(default_factory=threading.RLock, repr=False)

    # ------------------------------------------------------------------ looking

    @property
    def database(self) -> str:
        """Where the application's role finds the rows."""
        known = json.loads(self.running.state.environment_file.read_text())
        return str(known["TOCSIN_DATABASE_URL"])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """From the tables, as the application's role; once more if the server restarted. Threads
        wait for one another: two that connect at once would leave one connection to nobody."""
        with self._turn:
            for again in (True, False):
                try:
                    if self._rows is None or self._rows.closed:
                        self._rows = psycopg.connect(self.database, autocommit=True)
                    return self._rows.execute(sql, values).fetchall()
                except psycopg.OperationalError:
                    self.close()
                    if not again:
                        raise
        raise AssertionError("unreachable")

    def secret_of(self, database: str) -> str:
        """What its members share, opened with this stack's own key, as its writers do."""
        sql = "SELECT sealed_secret FROM inventory_database WHERE name = %s"
        keys = (self.running.state.folder / "secrets" / "vault").read_text().split()
        opener = MultiFernet([Fernet(f"{key.rstrip('=')}=") for key in keys])
        opened = opener.decrypt(str(self.rows(sql, database)[0][0]).encode()).decode()
        return opened.partition("\n")[2]

    def verdicts(self) -> dict[str, str]:
        return dict(self.rows("SELECT name, verdict FROM inventory_host"))

    def verdict(self, host: str) -> str:
        return str(self.verdicts()[host])

    def reason(self, host: str) -> str:
        """Why its verdict is what it is."""
        sql = "SELECT verdict_reason FROM inventory_host WHERE name = %s"
        return str(self.rows(sql, host)[0][0])

    @property
    def inner(self) -> frozenset[str]:
        """The addresses on which the lab's containers really listen."""
        network = self.env["TOCSIN_LAB_NETWORK"]
        return frozenset(host.inner for host in layout.load().hosts(network))

    def grant(self, host: str) -> str:
        return str(self.rows("SELECT replace FROM inventory_host WHERE name = %s", host)[0][0])

    def seats_on(self, host: str) -> Counter[str]:
        return Counter(
            state
            for (state,) in self.rows(
                "SELECT p.state FROM inventory_placement p"
                " JOIN inventory_host h ON h.id = p.host_id"
                " WHERE h.name = %s AND p.state NOT IN ('stopped', 'failed')",
                host,
            )
        )

    def placements(self) -> int:
        """How many seats there ever were: a container that moves adds one."""
        return int(self.rows("SELECT count(*) FROM inventory_placement")[0][0])

    def missing(self) -> list[str]:
        """Applications with fewer running seats on living hosts than they want."""
        return [
            name
            for name, copies, running in self.rows(
                "SELECT a.name, a.copies, count(p.id) FROM inventory_application a"
                " LEFT JOIN (inventory_placement p JOIN inventory_host h ON h.id = p.host_id"
                "   AND h.verdict = 'alive') ON p.application_id = a.id AND p.state = 'running'"
                " GROUP BY a.id"
            )
            if running < copies
        ]

    def open_incidents(self) -> list[tuple[str, str]]:
        return [
            (str(title), str(state))
            for title, state in self.rows(
                "SELECT title, state FROM incidents_incident WHERE state <> 'resolved'"
            )
        ]

    def timeline(self) -> list[str]:
        return [
            str(said)
            for (said,) in self.rows("SELECT said FROM incidents_timelineentry ORDER BY id DESC")
        ]

    def alarms(self) -> list[tuple[str, str]]:
        return [
            (str(key), str(state))
            for key, state in self.rows(
                "SELECT key, state FROM alarms_alarm ORDER BY raised_at DESC"
            )
        ]

    def newest_entry(self) -> int:
        return int(self.rows("SELECT coalesce(max(id), 0) FROM audit_entry")[0][0])

    # ------------------------------------------------------------------ touching

    def lab(self, verb: str, **fields: object) -> dict[str, object]:
        return client.ask(verb, fields, path=door(self.running.state.run / "lab.sock"))

    def lab_hosts(self) -> dict[str, dict[str, Any]]:
        hosts = self.lab("status")["hosts"]
        assert isinstance(hosts, list)
        return {host["host"]: host for host in hosts}

    def kill(self, process: str, sig: signal.Signals = signal.SIGKILL) -> int:
        """Signal one of Tocsin's own processes; its pid."""
        pid = self.running.pid_of(process)
        assert pid is not None, f"{process} does not run"
        os.kill(pid, sig)
        return pid

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def api(
        self, method: str, path: str, *, by: str = "responder", **json_body: object
    ) -> httpx.Response:
        """As this person, by token."""
        if by not in self.tokens:
            self.tokens[by] = self.manage("token", by)
        return httpx.request(
            method,
            f"{self.door}/api{path}",
            headers={"Authorization": f"Bearer {self.tokens[by]}"},
            json=json_body or None,
            timeout=10,
            verify=self.trust,
        )

    @property
    def door(self) -> str:
        """For whoever knows no other name of this machine than localhost."""
        scheme = "https" if self.env.get("TOCSIN_HOST") else "http"
        return f"{scheme}://localhost:{self.env['TOCSIN_PORT']}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Its own authority, where it has a name."""
        authority = self.running.state.folder / "tls" / "ca.crt"
        return ssl.create_default_context(cafile=authority if authority.exists() else None)

    @property
    def edge(self) -> str:
        return f"http://127.0.0.1:{self.env['TOCSIN_EDGE_PORT']}"

    @property
    def url(self) -> str:
        """As a browser reaches it: by TLS where the stack has a name."""
        name = self.env.get("TOCSIN_HOST", "")
        port = self.env["TOCSIN_PORT"]
        return f"https://{name}:{port}" if name else f"http://localhost:{port}"

    # ------------------------------------------------------------------ waiting

    def is_calm(self) -> bool:
        """Every host alive and taking part, every copy running, nothing held, nothing open."""
        unsettled = self.rows(
            "SELECT count(*) FROM inventory_placement WHERE state NOT IN ('running', 'stopped',"
            " 'failed')"
        )[0][0]
        quarantined = self.rows(
            "SELECT count(*) FROM inventory_host WHERE quarantined_at IS NOT NULL"
            " OR replace <> 'none'"
        )[0][0]
        return (
            set(self.verdicts().values()) == {"alive"}
            and not unsettled
            and not quarantined
            and not self.missing()
            and not self.open_incidents()
        )

    def is_watching(self) -> bool:
        """A living controller leads, and has watched long enough to judge again (B3): a row that
        names a dead one stands until it is replaced."""
        sql = "SELECT now() - taken_at > interval '6.5 s' FROM core_leader"
        return bool(self.leader()) and self.rows(sql) == [(True,)]

    def epoch(self) -> int:
        return int(self.rows("SELECT epoch FROM core_leader")[0][0])

    def leader(self) -> str:
        """The name of the controller that leads, as the supervisor calls it."""
        holder = str(self.rows("SELECT holder FROM core_leader")[0][0])
        pids = {self.running.pid_of(name): name for name in ("controller", "controller-2")}
        return pids.get(int(holder.rpartition(":")[2]), "")

    def close(self) -> None:
        """Let go of the rows."""
        if self._rows is not None:
            self._rows.close()

    def calm(self, seconds: float = 90.0, *, remembered: int = 0) -> None:
        """Make the weather fair again and wait until everything is at rest.

        After losses the leader is killed too: the next one has no memory of them, so that one
        story's losses don't count for the next one's brake. It may keep `remembered`.
        """
        for name, host in self.lab_hosts().items():
            self.lab("restart" if host["state"] == "down" else "heal", host=name)
        self.forget_losses(seconds, but=remembered)
        wait_for(lambda: self.is_calm() and self.is_watching(), seconds)

    def forget_losses(self, seconds: float = 30.0, *, but: int = 0) -> None:
        """Another controller leads, if this one remembers more losses of hosts than `but`."""
        epoch = self.epoch()
        if int(self.rows(BRAKED_BY, WINDOW)[0][0]) > but and (leader := self.leader()):
            self.kill(leader)
            wait_for(lambda: self.epoch() > epoch, seconds)

    def losses(self) -> int:
        """How often a host was given up."""
        return int(self.rows(LOSSES)[0][0])


def lab_of_its_own(mode: str = "") -> dict[str, str]:
    """The mode (this one, `TOCSIN_LAB_MODE`, or relay), and a network that nobody has."""
    mode = mode or os.environ.get("TOCSIN_LAB_MODE", "relay")
    network = (
        f"10.{own.STACK + own.NETNS_SHIFT}.0.0/16" if mode == "netns" else f"127.{own.STACK}.0.0/16"
    )
    return {"TOCSIN_LAB_MODE": mode, "TOCSIN_LAB_NETWORK": network}


@contextmanager
def whole_stack(folder: Path, **more: str) -> Iterator[Stack]:
    """Inside, a whole Tocsin runs and is at rest; without databases unless they are asked for."""
    wishes = {"TOCSIN_WITHOUT": "", "TOCSIN_LAB_DATABASES": "0", "TOCSIN_LAB_STORES": "0"}
    wishes |= {"TOCSIN_LAB_DRILLS": "0"}
    wishes |= lab_of_its_own(more.get("TOCSIN_LAB_MODE", ""))
    env = environment(folder, **(wishes | more))
    with started(folder, env) as running:
        stack = Stack(running, env)
        try:
            _rest(stack)
            yield stack
        finally:
            stack.close()


def _rest(stack: Stack) -> None:
    """Or what its own terminal says, which knows why not: a lab's file that nobody can read."""
    try:
        wait_for(stack.is_calm, 180)
    except AssertionError:
        raise AssertionError(f"not at rest:\n{stack.running.said[-2000:]}") from None


def stopwatch() -> float:
    """Monotonic seconds."""
    return system.monotonic()
