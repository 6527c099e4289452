"""The web process gives back what a request took from PostgreSQL."""

from __future__ import annotations

import subprocess
import sys

import httpx
from django.db import connection

from tests.support.databases import Database
from tests.support.own import free_port
from tests.support.running import ROOT, wait_for

OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


def connections_of_others(database: Database) -> int:
    with connection.cursor() as cursor:
        cursor.execute(OTHERS, [database.name])
        return int(cursor.fetchone()[0])


def test_a_request_leaves_no_connection_behind(fresh_database: Database) -> None:
    port = free_port()
    web = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--port", str(port)]
    environment = fresh_database.environ(TOCSIN_URL=f"http://localhost:{port}")
    process = subprocess.Popen([*web, "--log-level", "warning"], cwd=ROOT, env=environment)
    try:
        with httpx.Client(base_url=f"http://localhost:{port}") as client:
            wait_for(lambda: is_up(client), 90)
            for _ in range(20):
                assert client.get("/healthz").status_code == httpx.codes.OK
            assert connections_of_others(fresh_database) <= 1
    finally:
        process.kill()
        process.wait()


def is_up(client: httpx.Client) -> bool:
    """Its first answer may take long: it comes with all that is imported for it."""
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
