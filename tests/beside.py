"""One command in the time that another leaves: `python -m tests.beside [--nice] LESS -- OTHER`.

Tests wait for most of their seconds, a whole Tocsin with its lab above all. Tests that compute and
look at no clock run beside such a one by Linux's idle policy: whatever else wakes up has the
processor at once. With `--nice`: by a low priority, that still has a small share when both
processors are busy, for tests that ask a server of their own, which must answer within seconds.

Invariant: this ends with zero only when both commands did, and LESS does not outlive it. What
LESS said is printed when it is over.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from recovery.engines import children

NICE = ["nice", "-n", "15"]
"""A thirtieth of a processor that somebody else needs whole, and what nobody needs."""


def main(words: Sequence[str]) -> int:
    gently = NICE if words[0] == "--nice" else _idly()
    words = words[words[0] == "--nice" :]
    cut = words.index("--")
    with tempfile.TemporaryFile() as told:
        less = children.spawn([*gently, *words[:cut]], log=told)
        try:
            code = _run(words[cut + 1 :])
            if code == 0:  # Who failed already need not wait for the rest.
                code = less.wait()
        finally:
            children.end_group(less.pid)
            less.wait()
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
