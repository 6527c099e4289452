"""Idle work beside other work: both count, what was said is heard, nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.settings import database_from_url
from recovery.engines import children
from tests.support.patience import IDLE, patient, unhurried


def beside(idle: str, other: str) -> subprocess.CompletedProcess[str]:
    shell = ("sh", "-c")
    argv = [sys.executable, "-m", "tests.beside", *shell, idle, "--", *shell, other]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=90)


@pytest.mark.parametrize(
    ("idle", "other", "code"),
    [
        ("exit 0", "exit 0", 0),
        ("exit 3", "exit 0", 3),
        ("exit 0", "exit 4", 4),
        ("sleep 0.3; exit 3", "exit 0", 3),
        ("kill -9 $$", "exit 0", 256 - 9),
    ],
)
def test_whoever_fails_it_fails(idle: str, other: str, code: int) -> None:
    assert beside(idle, other).returncode == code


def test_what_the_idle_one_said_is_told_and_it_was_idle() -> None:
    told = beside("chrt -p $$; nice; echo trouble >&2", "echo first; exit 0").stdout
    assert "SCHED_IDLE" in told or "19" in told.split()
    assert told.startswith("first\n")
    assert told.endswith("trouble\n")


def test_when_the_other_failed_the_idle_one_and_its_children_end(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    idle = f"sleep 600 & echo $$ $! >{told}; wait"
    assert beside(idle, f"until [ -s {told} ]; do sleep 0.02; done; exit 4").returncode == 4
    assert children.wait_until_gone(map(int, told.read_text().split()), 5.0) == set()


def test_the_idle_one_alone_is_told_to_be_patient() -> None:
    said = f"printenv {IDLE} || echo in haste"
    assert beside(said, said).stdout == "in haste\n1\n"


@pytest.mark.parametrize(("idle", "seconds", "limit"), [("0", 3, "10s"), ("1", 600, "600s")])
def test_in_an_idle_run_no_connection_and_no_statement_ends_before_its_test(
    monkeypatch: pytest.MonkeyPatch, idle: str, seconds: int, limit: str
) -> None:
    monkeypatch.setenv(IDLE, idle)
    options = database_from_url(unhurried("postgresql://a:b@/c?host=%2Frun&port=5432"))["OPTIONS"]
    assert isinstance(options, dict)
    assert int(options["connect_timeout"]) == seconds
    assert f"-c statement_timeout={limit} " in options["options"]
    assert "-c idle_in_transaction_session_timeout=" in options["options"]
    assert patient(90) == (90 if idle == "0" else 900)
