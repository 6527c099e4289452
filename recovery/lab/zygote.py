"""Forks lab hosts out of one process that has the agent's modules in memory already.

Twelve hosts start in a fraction of the time and memory that twelve interpreters take. Spoken to
in JSON lines over the socket that it inherits as file descriptor 0; each answer names the pid of
a host's first process. When that socket closes, every host ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
from pathlib import Path
from typing import NoReturn

from recovery.adapters.containers import proc
from recovery.lab import linux
from recovery.lab.host import FirstProcess
from recovery.lab.netns import place
from recovery.lab.netns.place import Seat


class Zygote:
    """The parent of all first processes. Single-threaded by need: it forks."""

    def __init__(self, lab: socket.socket) -> None:
        self._lab = lab
        self._hosts: dict[int, str] = {}
        self._lifeline, self._lifeline_writer = os.pipe()
        self._wake, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        linux.become_subreaper()
        self._note = _why_no_namespaces()

    def run(self) -> None:
        """Until the lab is gone."""
        received = b""
        while True:
            ready, _, _ = select.select([self._lab.fileno(), self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._lab.fileno() in ready:
                chunk = self._lab.recv(65536)
                if not chunk:
                    self._end()
                    return
                *lines, received = (received + chunk).split(b"\n")
                for line in lines:
                    self._boot(**json.loads(line))

    def _boot(self, name: str, kind: str, config: str, log: str, seat: Seat | None) -> None:
        first = FirstProcess(name, Path(config), Path(log), kind, is_seated=seat is not None)
        pid, note = self._fork(first, seat)
        if pid:
            self._hosts[pid] = name
        self._lab.sendall(json.dumps({"name": name, "pid": pid, "note": note}).encode() + b"\n")

    def _fork(self, first: FirstProcess, seat: Seat | None) -> tuple[int, str]:
        """The first process's pid, by way of a process that makes its namespaces and ends; or 0
        and why not."""
        told, telling = os.pipe()
        middle = os.fork()
        if middle == 0:
            self._make(first, seat, telling)
        os.close(telling)
        with os.fdopen(told) as pipe:
            pid, _, note = pipe.read().partition(" ")
        os.waitpid(middle, 0)
        return int(pid or 0), note

    def _make(self, first: FirstProcess, seat: Seat | None, telling: int) -> NoReturn:
        """In the middle process: namespaces, then the first process."""
        self._lab.close()
        os.close(self._lifeline_writer)
        os.setsid()
        try:
            if seat is not None:
                place.enter_network(seat)
            if not self._note:
                _enter_namespaces()
        except OSError as error:
            os.write(telling, f"0 {first.name} gets no network: {error.strerror}".encode())
            os._exit(1)
        pid = os.fork()
        if pid == 0:
            os.close(telling)
            if not self._note:
                linux.own_proc()
            first.run(self._lifeline)
        os.write(telling, f"{pid} {self._note}".encode())
        os._exit(0)

    def _reap(self) -> None:
        """Collects ended hosts; whatever a host left to us (no namespaces) is killed."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                self._hosts.pop(pid, None)
                self._sweep()

    def _sweep(self) -> None:
        """Kills children that are no hosts: what a lost host left behind came to us. Their own
        children come to us in turn, so this is done after every end."""
        own = os.getpid()
        for pid in proc.pids():
            found = proc.stat(pid)
            if found is not None and found.parent == own and pid not in self._hosts:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _end(self) -> None:
        for pid in list(self._hosts):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, 0)
                self._hosts.pop(pid, None)
                self._sweep()


def _enter_namespaces() -> None:
    """Own pid and mount namespaces for the children of this process."""
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        linux.unshare(linux.CLONE_NEWUSER)
        linux.map_own_user(user, group)
    linux.unshare(linux.CLONE_NEWPID | linux.CLONE_NEWNS)


def _why_no_namespaces() -> str:
    """Tries them out once; why hosts cannot have them, or nothing."""
    if os.environ.get("TOCSIN_LAB_NAMESPACES") == "0":
        return "no namespaces (switched off): the zygote sweeps after a lost host"
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os._exit(_try_namespaces(telling))
    os.close(telling)
    with os.fdopen(told) as pipe:
        reason = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        return ""
    return f"no namespaces ({reason}): the zygote sweeps after a lost host"


def _try_namespaces(telling: int) -> int:
    """In a child: enters them and lets a grandchild mount its own /proc."""
    try:
        _enter_namespaces()
        grandchild = os.fork()
        if grandchild == 0:
            linux.own_proc()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
    except OSError as error:
        os.write(telling, (error.strerror or "refused").encode())
        return 1


def main() -> None:
    linux.name_process("lab-zygote")
    gc.collect()
    gc.freeze()
    gc.disable()
    Zygote(socket.socket(fileno=0)).run()


if __name__ == "__main__":
    main()
