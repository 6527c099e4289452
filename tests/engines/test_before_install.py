"""What is asked of a Tocsin that is not installed yet is answered in a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("asked", ["stop", "status", "people"])
def test_make_says_that_nothing_is_installed_yet(tmp_path: Path, asked: str) -> None:
    done = run("make", asked, f"VENV={tmp_path / 'none'}")
    assert done.returncode != 0
    assert "Nothing is installed yet: make up" in done.stderr
    assert "python" not in done.stderr


@pytest.mark.parametrize("asked", ["status", "up"])
def test_a_python_without_the_packages_says_so(asked: str) -> None:
    done = run(sys.executable, "-S", "manage.py", asked)
    assert done.returncode == 1
    assert done.stderr == "Tocsin: nothing is installed yet for this Python: make up\n"
