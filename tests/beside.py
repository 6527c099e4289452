"""Less urgent commands, one after the other, in the time that another leaves:
`python -m tests.beside [--nice] LESS [-- [--nice] LESS]… -- OTHER`.

Tests wait for most of their seconds, a whole Tocsin with its lab above all. Tests that compute and
look at no clock run beside such a one by Linux's idle policy: whatever else wakes up has the
processor at once. With `--nice`: by a low priority, that still has a small share when both
processors are busy, for tests that ask a server of their own, which must answer within seconds.

Invariant: this ends with zero only when all of them did, and none outlives it. What the less
urgent ones said is printed when they are over.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from recovery.engines import children

NICE = ["nice", "-n", "15"]
"""A thirtieth of a processor that somebody else needs whole, and what nobody needs."""


def main(words: Sequence[str]) -> int:
    *less, other = _commands(words)
    chain = " && ".join(shlex.join(_gently(one)) for one in less)
    with tempfile.TemporaryFile() as told:
        beside = children.spawn(["bash", "-c", chain], log=told)
        try:
            code = _run(other)
            if code == 0:  # Who failed already need not wait for the rest.
                code = beside.wait()
        finally:
            children.end_group(beside.pid)
            beside.wait()
            told.seek(0)
            sys.stdout.write(told.read().decode(errors="replace"))
            sys.stdout.flush()
    return code


def _commands(words: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            found.append([])
        else:
            found[-1].append(word)
    return found


def _gently(words: Sequence[str]) -> list[str]:
    """It ends with the shell that began it, however that ends."""
    what = [*NICE, *words[1:]] if words[0] == "--nice" else [*_idly(), *words]
    return ["setpriv", "--pdeathsig", "TERM", "--", *what]


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
