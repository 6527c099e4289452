"""Seconds in which a process stood still do not count on its steady clock."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

PROGRAM = """
import time
from tests.support.clocks.steady import steady
began, steadily = time.monotonic(), steady.monotonic()
print("go", flush=True)
while time.monotonic() - began < 3.0:
    time.sleep(0.01)
print(time.monotonic() - began, steady.monotonic() - steadily)
"""


def test_a_process_that_was_stopped_counts_only_the_rest() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        time.sleep(1.0)  # the second that it shall not count
        process.send_signal(signal.SIGCONT)
        stood = time.monotonic() - stopped
        passed, counted = map(float, process.stdout.read().split())
    assert 0 < counted < passed - stood + 0.3
