"""What seals the lab's backups and opens its stores: made once, kept in files of mode 0600.

    keys         ID BASE64                 what every host seals with; whoever restores needs it
    credentials  STORE ACCESS-KEY SECRET   for hosts: to write, list, read and remove
    reading      STORE ACCESS-KEY SECRET   for the control plane: to list and read
    recovery.key                           opens Tocsin's own keys: as a person would keep it

Invariant: what is there is never made anew (a lost key would leave sealed archives behind); hosts
get copies of the first two, and nothing of it goes over a wire.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from recovery.agent.disk import private_folder, write_atomic
from recovery.own.bundle import make_recovery_key

KEY = "k1"


class Secrets:
    """Of one lab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ensure(self, buckets: Iterable[str], others: Iterable[str] = ()) -> None:
        """Each bucket has its own two pairs, what hosts do not write to has one, and there is a
        key."""
        written, read = list(buckets), list(others)
        private_folder(self._folder)
        if not (self._folder / "keys").exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            write_atomic(self._folder / "keys", f"{_key()} {key}\n".encode())
        pairs = ("credentials", "hosts", written), ("reading", "tocsin", written + read)
        for file, who, names in pairs:
            known = self._pairs(file)
            lacking = {name: (f"{name}-{who}", secrets.token_urlsafe(24)) for name in names}
            both = lacking | known
            if both != known:
                text = "".join(f"{name} {' '.join(pair)}\n" for name, pair in both.items())
                write_atomic(self._folder / file, text.encode())

    def give(self, folder: Path) -> None:
        """A host's copies, into its folder of backups; nothing where the lab has no store."""
        known = [file for file in ("keys", "credentials") if (self._folder / file).exists()]
        private_folder(folder)
        for file in known:
            content = (self._folder / file).read_bytes()
            if not (folder / file).exists() or (folder / file).read_bytes() != content:
                write_atomic(folder / file, content)

    def give_recovery(self, public: Path) -> None:
        """Its public half to Tocsin."""
        private = self._folder / "recovery.key"
        if private.exists() and public.exists():
            return
        halves = make_recovery_key()
        write_atomic(private, f"{halves[0]}\n".encode())
        write_atomic(public, f"{halves[1]}\n".encode())

    def writing(self, store: str) -> tuple[str, str]:
        """Access key and secret of the hosts."""
        return self._pairs("credentials")[store]

    def reading(self, store: str) -> tuple[str, str]:
        """Access key and secret of the control plane."""
        return self._pairs("reading")[store]

    def _pairs(self, file: str) -> dict[str, tuple[str, str]]:
        try:
            lines = (self._folder / file).read_text().splitlines()
        except FileNotFoundError:
            return {}
        words = [line.split() for line in lines]
        return {name: (access, secret) for name, access, secret in words}


def _key() -> str:
    """The id that the control plane names to the hosts."""
    return os.environ.get("TOCSIN_BACKUP_KEY", KEY)
