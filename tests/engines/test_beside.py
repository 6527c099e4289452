"""Less urgent work beside other work: both count, what was said is heard, nothing is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recovery.engines import children


def beside(idle: str, other: str, *how: str) -> subprocess.CompletedProcess[str]:
    shell = ("sh", "-c")
    argv = [sys.executable, "-m", "tests.beside", *how, *shell, idle, "--", *shell, other]
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


def test_a_nice_one_keeps_a_small_share_of_a_busy_processor() -> None:
    done = beside("chrt -p $$; nice; exit 3", "nice", "--nice")
    here, policy, _, other = done.stdout.splitlines()
    assert done.returncode == 3
    assert "SCHED_OTHER" in policy
    assert int(other) == min(19, int(here) + 15)


def test_several_have_their_turns_each_in_its_way_and_after_a_failure_there_is_none() -> None:
    argv = [sys.executable, "-m", "tests.beside", "--nice"]
    for less in ("chrt -p $$; echo one", "chrt -p $$; exit 3", "echo never"):
        argv += ["sh", "-c", less, "--"]
    done = subprocess.run([*argv, "echo", "first"], check=False, capture_output=True, text=True)
    told = done.stdout.splitlines()
    assert done.returncode == 3
    assert told[0] == "first"
    assert "SCHED_OTHER" in told[1]
    assert "one" in told
    assert "SCHED_IDLE" in done.stdout or "chrt" not in done.stdout
    assert "never" not in told


def test_when_the_other_failed_the_idle_one_and_its_children_end(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    idle = f"sleep 600 & echo $$ $! >{told}; wait"
    assert beside(idle, f"until [ -s {told} ]; do sleep 0.02; done; exit 4").returncode == 4
    assert children.wait_until_gone(map(int, told.read_text().split()), 5.0) == set()
