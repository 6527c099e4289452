"""The lab's side of the zygote: asks it for hosts.

Invariant: when this side closes its socket, the zygote ends every host and itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from recovery.core.errors import Refused
from recovery.lab import clocks

_log = logging.getLogger("tocsin.lab")
_ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",
    "TOCSIN_LAB_NAMESPACES",
)
"""What hosts get of our environment: it holds the control plane's secrets, they must not."""
_BOOT_SECONDS = 20.0
_END_SECONDS = 5.0


class Nursery:
    """One zygote process and the conversation with it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "recovery.lab.zygote"],
            stdin=theirs.fileno(),
            start_new_session=True,
            cwd=_ROOT,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            | clocks.of_the_zygote(os.environ),
        )
        theirs.close()
        self._socket.setblocking(False)
        self._received = b""
        self._awaited: dict[str, asyncio.Future[tuple[int, str]]] = {}
        self.ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    async def boot(
        self, name: str, kind: str, config: Path, log: Path, seat: Mapping[str, object] | None
    ) -> tuple[int, str]:
        """Starts a host (or a store: its kind says), in a network namespace of its own if it has a
        seat there; the pid of its first process, and how it is contained if not by a pid
        namespace."""
        answer = asyncio.get_running_loop().create_future()
        self._awaited[name] = answer
        wish = {
            "name": name,
            "kind": kind,
            "config": str(config),
            "log": str(log),
            "seat": seat,
        }
        self._socket.sendall(json.dumps(wish).encode() + b"\n")
        async with asyncio.timeout(_BOOT_SECONDS):
            pid, note = await answer
        if pid == 0:
            raise Refused(note, field="host")
        return pid, note

    async def close(self) -> None:
        """Ends every host."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _END_SECONDS)
        self._process.kill()
        self._process.wait()

    def _hear(self) -> None:
        chunk = self._socket.recv(65536)
        if not chunk:
            _log.error("the zygote is gone, and every host with it")
            asyncio.get_running_loop().remove_reader(self._socket)
            self.ended.set()
            for answer in self._awaited.values():
                if not answer.done():
                    answer.set_exception(Refused("The lab's zygote ended.", todo="See its log."))
            return
        *lines, self._received = (self._received + chunk).split(b"\n")
        for line in lines:
            told = json.loads(line)
            awaited = self._awaited.pop(told["name"], None)
            if awaited is not None and not awaited.done():
                awaited.set_result((told["pid"], told["note"]))
