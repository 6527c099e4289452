"""One command in the time that another leaves: `python -m tests.beside IDLE -- OTHER`.

A whole Tocsin with its lab waits for most of its seconds. Tests that compute and look at no clock
run meanwhile, by Linux's idle policy: whatever else wakes up has the processor at once. They are told
so (`tests.support.patience`).

Invariant: this ends with zero only when both commands did, and IDLE does not outlive it. What
IDLE said is printed when it is over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from recovery.engines import children
from tests.support.patience import IDLE


def main(words: Sequence[str]) -> int:
    cut = words.index("--")
    with tempfile.TemporaryFile() as told:
        environment = os.environ | {IDLE: "1"}
        idle = children.spawn([*_idly(), *words[:cut]], log=told, env=environment)
        try:
            code = _run(words[cut + 1 :])
            if code == 0:  # Who failed already need not wait for the rest.
                code = idle.wait()
        finally:
            children.end_group(idle.pid)
            idle.wait()
            told.seek(0)
            sys.stdout.write(told.read().decode(errors="replace"))
            sys.stdout.flush()
    return code


def _run(argv: Sequence[str]) -> int:
    """Ctrl-C is for the command to answer, and its end is waited for."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(argv, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def _idly() -> list[str]:
    """What a command is begun with; where no policy may be chosen, it is as nice as can be."""
    words = ["chrt", "--idle", "0"]
    may = subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0
    return words if may else ["nice", "-n", "19"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
