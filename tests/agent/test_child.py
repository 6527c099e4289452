"""Processes of the archives' work end with it, wherever it is interrupted."""

from __future__ import annotations

import subprocess
import threading

import psutil

from recovery.agent.backups.restoring.child import Child

SLEEPER = ["sleep", "600"]


def _left() -> list[int]:
    return [each.pid for each in psutil.Process().children() if each.name() == "sleep"]


def test_a_process_whose_end_is_asked_for_while_it_starts_is_left_behind_by_nobody() -> None:
    asked, may_start = threading.Event(), threading.Event()

    def slowly() -> subprocess.Popen[bytes]:
        asked.set()
        may_start.wait()
        return subprocess.Popen(SLEEPER, stdin=subprocess.PIPE)

    held = Child()
    starting = threading.Thread(target=held.start, args=(slowly,))
    ending = threading.Thread(target=held.end)
    starting.start()
    asked.wait()
    ending.start()
    may_start.set()
    starting.join()
    ending.join()
    assert held.process is not None
    assert _left() == []


def test_what_is_to_start_after_its_end_was_asked_for_does_not() -> None:
    held = Child()
    held.end()
    held.start(lambda: subprocess.Popen(SLEEPER))
    assert held.process is None


def test_a_process_that_is_ended_has_its_pipes_closed() -> None:
    held = Child()
    held.start(lambda: subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stderr=subprocess.PIPE))
    held.end()
    process = held.process
    assert process is not None
    assert process.returncode is not None
    assert process.stdin is not None
    assert process.stdin.closed
    assert process.stderr is not None
    assert process.stderr.closed
