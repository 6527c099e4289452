"""A host's agent whose time of day is stepped, while the clocks that count go on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.lab import clocks
from tests.needs import needs
from tests.support.running import ROOT

AGENT = """
import os, subprocess, sys, time
from pathlib import Path
from recovery.lab import clocks
clocks.take(Path(sys.argv[1]))
for _ in sys.stdin:
    other = subprocess.run([sys.executable, "-c", "import time; print(time.time())"],
                           capture_output=True, text=True).stdout.strip()
    print(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), other, flush=True)
"""


@contextmanager
def agent(host: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(host)],
        cwd=ROOT,
        env=os.environ | clocks.of_the_zygote(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def _apart(process: subprocess.Popen[str]) -> tuple[int, int, int]:
    """Seconds between this process's clocks and its time of day, its BOOTTIME, and the time of
    day of what it executes."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    theirs = [float(word) for word in process.stdout.readline().split()]
    ours = (system.now().timestamp(), time.clock_gettime(time.CLOCK_BOOTTIME))
    return round(theirs[0] - ours[0]), round(theirs[1] - ours[1]), round(theirs[2] - ours[0])


def test_the_time_of_day_steps_and_what_counts_does_not(tmp_path: Path) -> None:
    needs("faketime")
    with agent(tmp_path, {clocks.ASKED: str(clocks.DEBIAN)}) as process:
        assert _apart(process) == (0, 0, 0)
        clocks.step(tmp_path, 300.0)
        assert _apart(process) == (300, 0, 0)
        clocks.step(tmp_path, -300.0)
        assert _apart(process) == (-300, 0, 0)
        clocks.step(tmp_path, 0.0)
        assert _apart(process) == (0, 0, 0)


def test_a_lab_that_was_not_asked_for_clocks_has_none_to_step(tmp_path: Path) -> None:
    with agent(tmp_path, {}) as process:
        assert _apart(process) == (0, 0, 0)
    clocks.step(tmp_path, 0.0)
    with pytest.raises(Refused, match="no clocks"):
        clocks.step(tmp_path, 300.0)
