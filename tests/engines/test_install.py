"""`deploy/install.sh`: what stands is not installed again, and two at once wait for each other."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

from tests.support.running import ROOT

SCRIPT = ROOT / "deploy" / "install.sh"
WAITS = "Another make installs into"


def test_who_comes_second_waits_for_the_first_and_installs_nothing_again(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    env = {**os.environ, "VENV": str(venv), "PYTHON": "/nowhere/python"}
    with SCRIPT.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            ["bash", str(SCRIPT), "base"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        assert second.stdout is not None
        assert WAITS in second.stdout.readline()
        assert second.poll() is None
        lock = (ROOT / "requirements" / "base.txt").read_bytes()
        (venv / "base.stamp").write_text(hashlib.sha256(lock).hexdigest())
    rest, _ = second.communicate(timeout=60)
    assert (second.returncode, rest) == (0, ""), "the first has installed what it wanted"
