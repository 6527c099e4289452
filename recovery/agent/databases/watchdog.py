"""The parent of one database server: a tiny process that outlives the agent. Stdlib only.

Run by its path with `-I -S`, so that it costs some 10 MB and 0.1 s. It spawns the server, waits
for it, and answers the agent on `watchdog.sock` in its folder, one JSON line each way.

Invariants: one watchdog per folder (a lock); the server's whole tree dies with it and, where it is
the gate (`is_gate`), at the lease's deadline, which counts on BOOTTIME and needs no agent: a
primary is never started, resumed or spared without a deadline to come; a deadline at or below the
epoch at which it was fenced opens nothing. Everything the server forks is its own too: it is the
subreaper of them all.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time

SOCKET, LOCK = "watchdog.sock", "watchdog.lock"
_NAME, _DEATH_SIGNAL, _SUBREAPER = 15, 1, 36
_LONGEST_WAIT = 1.0
_KILL_SECONDS = 10.0
_PAUSE_SECONDS = 0.1  # a vfork's parent never stands still: it waits for a stopped child
_MAX_LINE = 64 * 1024
_libc = ctypes.CDLL(None, use_errno=True)


def boottime() -> float:
    """Seconds since boot, suspension included: the clock of every deadline."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Server:
    """The server and everything below it."""

    def __init__(self) -> None:
        self.pid = 0
        self.ended = ""
        self.is_paused = False

    def spawn(self, argv: list[str], environment: dict[str, str], folder: str, log: str) -> str:
        """Starts it in a session of its own; why that failed, or nothing."""
        told, telling = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(argv, environment, folder, log, telling)
        os.close(telling)
        with os.fdopen(told) as pipe:
            failure = pipe.read()
        if failure:
            os.waitpid(pid, 0)
            return failure
        self.pid, self.ended, self.is_paused = pid, "", False
        return ""

    def reap(self) -> None:
        """Collects whoever ended. What a server leaves behind ends with it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self._end(status)

    def kill(self, reason: str) -> None:
        """SIGKILL of the whole tree; returns when nobody is left."""
        self.ended = reason if self.pid else self.ended
        deadline = boottime() + _KILL_SECONDS
        while (below := children()) and boottime() < deadline:
            for pid in below:
                _send(pid, signal.SIGKILL)
            _collect()
        self.pid, self.is_paused = 0, False

    def pause(self) -> None:
        """Nobody of it runs until `resume`. Looks again until all are seen to stand: a fork that
        was under way when its parent was stopped still gives birth."""
        self.is_paused = True
        deadline, stood = boottime() + _PAUSE_SECONDS, [0]
        while True:
            below = tree()
            moving = [pid for pid in below if not _stands(pid)]
            if (not moving and below == stood) or boottime() > deadline:
                return
            for pid in moving:
                _send(pid, signal.SIGSTOP)
            stood = [0] if moving else below
            time.sleep(0.001)  # this process goes before others: they must get to their stop

    def resume(self) -> None:
        if self.is_paused:
            for pid in reversed(tree()):
                _send(pid, signal.SIGCONT)
        self.is_paused = False

    def stop(self, number: int, seconds: float) -> None:
        """Asks it to end, kills it after `seconds`."""
        if self.pid:
            self.resume()
            _send(self.pid, number)
            deadline = boottime() + seconds
            while self.pid and boottime() < deadline:
                self.reap()
                time.sleep(0.005)
        self.kill("stopped")

    def _end(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        self.kill(f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")


class Watchdog:
    """The rules, and the conversation with the agent."""

    def __init__(self) -> None:
        self._server = Server()
        self._is_primary = self._is_gate = False
        self._epoch = self._fenced = 0
        self._deadline = 0.0
        self._is_over = False
        self._clients: dict[socket.socket, bytes] = {}
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)  # noqa: PTH108 (pathlib is not worth its import here)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(SOCKET)
        self._listening.listen(8)
        self._wake, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._finish())

    def run(self) -> None:
        """Until it is told to quit."""
        while not self._is_over:
            self.enforce()
            waited: list[socket.socket | int] = [self._listening, self._wake, *self._clients]
            ready, _, _ = select.select(waited, [], [], self._patience())
            self.enforce()
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            self._server.reap()
            if self._listening in ready:
                client, _ = self._listening.accept()
                client.setblocking(False)
                self._clients[client] = b""
            for client in [each for each in self._clients if each in ready]:
                self._hear(client)

    def enforce(self) -> None:
        """The lease's end is the server's, whoever sleeps."""
        if self._server.pid and self._is_bound() and boottime() >= self._deadline:
            self._server.kill("the lease ended")

    def _is_bound(self) -> bool:
        return self._is_gate and self._is_primary

    def _patience(self) -> float:
        if not (self._server.pid and self._is_bound()):
            return _LONGEST_WAIT
        return min(max(0.0, self._deadline - boottime()), _LONGEST_WAIT)

    # ------------------------------------------------------------------ the conversation

    def _hear(self, client: socket.socket) -> None:
        try:
            chunk = client.recv(_MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        received = self._clients[client] + chunk
        if not chunk or len(received) > _MAX_LINE:
            del self._clients[client]
            client.close()
            return
        *lines, self._clients[client] = received.split(b"\n")
        for line in lines:
            with contextlib.suppress(OSError):
                client.sendall(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            asked = json.loads(line)
            refusal = getattr(self, f"_do_{asked.pop('do')}")(**asked)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            refusal = f"not understood: {error}"
        return self._status() | {"refusal": refusal or ""}

    def _status(self) -> dict[str, object]:
        left = self._deadline - boottime()
        return {
            "pid": self._server.pid,
            "watchdog": os.getpid(),
            "ended": self._server.ended,
            "is_paused": self._server.is_paused,
            "is_primary": self._is_primary,
            "is_gate": self._is_gate,
            "epoch": self._epoch,
            "fenced": self._fenced,
            "left": left if self._is_bound() and left > 0 else 0.0,
        }

    def _do_status(self) -> str:
        return ""

    def _do_start(
        self,
        *,
        argv: list[str],
        environment: dict[str, str],
        folder: str,
        log: str,
        is_primary: bool,
        epoch: int,
    ) -> str:
        """Starts it unless it runs. A primary behind this gate needs its lease before that."""
        if self._server.pid:
            return ""
        if is_primary and self._is_gate and (refusal := self._closed(epoch)):
            return refusal
        self._is_primary, self._epoch = is_primary, max(epoch, self._epoch)
        return self._server.spawn(argv, environment, folder, log)

    def _closed(self, epoch: int) -> str:
        return self._stale(epoch) or ("" if boottime() < self._deadline else "no lease")

    def _stale(self, epoch: int) -> str:
        if epoch <= self._fenced:
            return f"fenced at epoch {self._fenced}, asked for {epoch}"
        return f"epoch {epoch} is below {self._epoch}" if epoch < self._epoch else ""

    def _do_gate(self, on: bool, fenced: int = 0) -> str:
        """Whether this process is the gate. Once it is, a primary lives by its deadline."""
        self._is_gate, self._fenced = on, max(fenced, self._fenced)
        if not on:
            self._server.resume()
        return ""

    def _do_lease(self, epoch: int, deadline: float) -> str:
        """The right to run as a primary until then; ends a pause."""
        if refusal := self._stale(epoch) or ("its time is over" if deadline <= boottime() else ""):
            return refusal
        self._deadline = deadline if epoch > self._epoch else max(deadline, self._deadline)
        self._epoch = epoch
        self._server.resume()
        return ""

    def _do_promote(self, epoch: int) -> str:
        """The standby is about to become a primary, bound to its lease from now on."""
        if self._is_gate and (refusal := self._closed(epoch)):
            return refusal
        self._is_primary, self._epoch = True, max(epoch, self._epoch)
        return ""

    def _do_pause(self) -> str:
        """In doubt: nothing of a primary runs until the next lease."""
        if self._server.pid and self._is_primary and not self._server.is_paused:
            self._server.pause()
        return ""

    def _do_fence(self, epoch: int) -> str:
        """No primary at or below this epoch runs here any more."""
        self._fenced = max(epoch, self._fenced)
        if self._is_primary and self._epoch <= self._fenced:
            self._deadline = 0.0
            self._server.kill("fenced")
        return ""

    def _do_stop(self, number: int, seconds: float) -> str:
        """Ends the server, within its lease; a later start needs one of its own again."""
        if self._is_bound():
            seconds = min(seconds, self._deadline - boottime())
        self._server.stop(number, seconds)
        self._is_primary = False
        return ""

    def _do_quit(self) -> str:
        self._finish()
        return ""

    def _finish(self) -> None:
        self._server.kill("its watchdog was ended")
        self._is_over = True


# ---------------------------------------------------------------------- processes


def children() -> list[int]:
    """The direct children of this process; orphans of the server are among them."""
    return _children_of(os.getpid())


def tree() -> list[int]:
    """Everything below this process, parents first."""
    below = children()
    for known in below:
        below += _children_of(known)
    return below


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{thread}/children") as file:  # noqa: PTH123
                found += [int(word) for word in file.read().split()]
    return found


def _stands(pid: int) -> bool:
    """Whether each of its threads is stopped or over."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:  # noqa: PTH123
                if file.read().rpartition(b")")[2].split()[0] not in b"TtZX":
                    return False
    return True


def _collect() -> None:
    """Waits a moment for children that were killed."""
    deadline = boottime() + 0.05
    while boottime() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            time.sleep(0.001)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _become(
    argv: list[str], environment: dict[str, str], folder: str, log: str, telling: int
) -> None:
    """In the child: a session of its own, the log as output, then the server. Never returns."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        _write_to(log)
        os.chdir(folder)
        os.execvpe(argv[0], argv, environment)  # noqa: S606 (argv, no shell)
    except OSError as error:
        os.write(telling, f"{argv[0]} cannot be started: {error.strerror}".encode())
    finally:
        os._exit(127)


def _write_to(log: str) -> None:
    """Reads nothing; nothing of a parent's is held open."""
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def main(folder: str) -> int:
    os.umask(0o077)
    os.chdir(folder)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    with contextlib.suppress(PermissionError):
        os.setsid()
    _write_to("watchdog.log")
    _libc.prctl(_NAME, b"watchdog", 0, 0, 0)
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(PermissionError, OSError):
        soon = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, soon, os.sched_param(1))
    Watchdog().run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
