"""Tocsin's own rows restored from before a failover (B11, I-CP-4)."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.failovers.account import accounting
from tests.failovers.telling import Bases
from tests.stories.telling import diary
from tests.support.running import wait_for
from tests.support.stack import Stack

NEWEST = "SELECT number, state FROM core_incarnation ORDER BY number DESC LIMIT 1"


def test_rows_from_before_a_failover_move_nobody_and_the_old_primary_stays_out(
    bases: Bases, tmp_path: Path
) -> None:
    """They say that a dead host leads; its successor goes on, and leads when they are settled."""
    name = "orders-pg"
    bases.prove(name)
    bases.allow(name)
    with accounting(bases, name):
        _tell(bases, name, tmp_path / "copy")


def _tell(bases: Bases, name: str, copy: Path) -> None:
    stack = bases.stack
    old, new = bases.host_of(name), bases.host_of(name, "standby")
    gone = bases.missing(name)
    between(stack, lambda data: shutil.copytree(data, copy, symlinks=True))
    wait_for(bases.has_rows, 60)
    stack.calm()
    stack.lab("kill", host=old)
    wait_for(lambda: bases.host_of(name) == new, 60)
    wait_for(lambda: not bases.is_failing(name), 30)
    between(stack, lambda data: restore(copy, data))
    wait_for(lambda: bases.has_rows() and stack.rows(NEWEST) == [(2, "quarantined")], 60)
    stack.lab("restart", host=old)
    wait_for(lambda: knows(stack)["silent"] == [], 60)
    diary(f"in doubt: {knows(stack)['cause']} {knows(stack)['differs']}")
    assert [name, f"{new} leads it, the rows name another"] in knows(stack)["differs"]
    seen = bases.acknowledged(name)
    wait_for(lambda: bases.acknowledged(name) > seen + 20, 30)
    assert bases.host_of(name) == old, "nothing was decided"
    said = bases.press("/held/settle/", "approver", reason="The rows are older.", number="2")
    assert "The rows are settled" in said
    wait_for(lambda: bases.host_of(name) == new, 30)
    bases.settle(name)
    assert bases.host_of(name, "standby") == old
    assert bases.missing(name) <= gone


def knows(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.api("GET", "/held").json()["doubt"]
    return found


def between(stack: Stack, work: Callable[[Path], object]) -> None:
    """Tocsin's PostgreSQL ends in order, its data are worked on, and the supervisor, which stood
    still meanwhile, starts it again."""
    server = psutil.Process(stack.running.pid_of("postgres"))
    words = server.cmdline()
    data = Path(words[words.index("-D") + 1])
    supervisor = server.parent()
    assert supervisor is not None
    supervisor.suspend()
    try:
        server.send_signal(signal.SIGINT)
        wait_for(lambda: server.status() == psutil.STATUS_ZOMBIE, 60)
        work(data)
    finally:
        supervisor.resume()


def restore(copy: Path, data: Path) -> None:
    """As an operator does: the old files, and a recovery that ends on a timeline of its own."""
    shutil.rmtree(data)
    shutil.copytree(copy, data, symlinks=True)
    signal_file = data / "recovery.signal"
    signal_file.touch()
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = 'false'\n")
    owner = (copy / "PG_VERSION").stat()
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
