"""A process that ends with the work that began it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable

_PATIENCE = 5.0
"""Seconds that its first signal has before SIGKILL."""


class Child:
    """Of threads: `start` and `end` may be asked for side by side. Whoever is cancelled while one
    starts asks for its end all the same, and that waits until there is something to be ended;
    what is to start afterwards does not."""

    def __init__(self, first: signal.Signals = signal.SIGKILL) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._first = first
        self._turn = threading.Lock()
        self._is_over = False

    def start(self, begin: Callable[[], subprocess.Popen[bytes]]) -> None:
        """By `begin`, unless its end was asked for."""
        with self._turn:
            if not self._is_over:
                self.process = begin()

    def end(self) -> None:
        """It has ended afterwards, and its pipes are closed."""
        with self._turn:
            self._is_over = True
            process = self.process
            if process is None:
                return
            if process.poll() is None:
                self._kill(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self._first)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
