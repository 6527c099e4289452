"""What the backups of Tocsin itself are told, and what they say: files of this machine alone.

    var/own/stores.json    which replica lies in which store; nothing secret
    var/own/third.json     where replica 3, the provider's newest snapshot, can be read
    var/own/keys           seals Tocsin's archive: made here once, and no host has it
    var/own/credentials    STORE ACCESS-KEY SECRET: to write, list, read and remove
    var/own/recovery.pub   the public half of a person's recovery key (bundle.py)
    var/own/spool/         this machine's own copy
    var/own/report.json    the archiver's newest word

Invariant: what is secret is readable by its owner alone, and made once: a lost key leaves sealed
archives behind that nobody opens.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from pathlib import Path

import msgspec

from recovery.agent.disk import private_folder, write_atomic
from recovery.core.errors import BadConfiguration
from recovery.core.wire.backups import BackupFact, StoreSpec

KEY = "own-1"
Config = dict[int, StoreSpec]


class OwnProof(msgspec.Struct, frozen=True, kw_only=True):
    """A restore test of one replica. `failure` empty: `canary` was read back from it."""

    begun: datetime
    ended: datetime
    failure: str = ""
    canary: datetime | None = None
    size: int = 0
    seconds: float = 0.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`keys`: why they are in no store; empty, they are. `proofs`: the newest of each replica."""

    at: datetime
    fact: BackupFact
    keys: str = ""
    proofs: dict[int, OwnProof] = {}


class OwnFolder:
    """Of one state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "own"
        self.spool = self.path / "spool"
        self.recovery = self.path / "recovery.pub"

    @property
    def is_configured(self) -> bool:
        return bool(self.stores())

    def stores(self) -> Config:
        """By the number of the replica; none where nobody said where they go."""
        try:
            return msgspec.json.decode((self.path / "stores.json").read_bytes(), type=Config)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise BadConfiguration(
                f"It cannot be read: {error}.", field="own/stores.json"
            ) from error

    def readable(self) -> Config:
        """With replica 3, where a worker has said where it can be read."""
        third = self.path / "third.json"
        if not third.exists():
            return self.stores()
        return self.stores() | {3: msgspec.json.decode(third.read_bytes(), type=StoreSpec)}

    def put_third(self, spec: StoreSpec) -> None:
        """Writes only what differs, and only where Tocsin is archived."""
        if self.is_configured and self.readable().get(3) != spec:
            write_atomic(self.path / "third.json", msgspec.json.encode(spec))

    def put_store(self, number: int, spec: StoreSpec, pair: tuple[str, str] | None = None) -> None:
        """Replica `number` goes there from now on. Writes only what differs."""
        private_folder(self.path)
        private_folder(self.spool)
        if not (self.path / "keys").exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            write_atomic(self.path / "keys", f"{KEY} {key}\n".encode())
        if pair is not None:
            self._put_pair(spec.name, pair)
        found = self.stores()
        if found.get(number) != spec:
            wanted = dict(sorted((found | {number: spec}).items()))
            write_atomic(self.path / "stores.json", msgspec.json.encode(wanted))

    def _put_pair(self, name: str, pair: tuple[str, str]) -> None:
        path = self.path / "credentials"
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if line.split()[:1] != [name]]
        wanted = [*kept, f"{name} {' '.join(pair)}"]
        if wanted != lines:
            write_atomic(path, "".join(f"{line}\n" for line in wanted).encode())

    def mark(self) -> tuple[float, ...]:
        """Changes whenever what the archiver is told does."""
        names = ("stores.json", "keys", "credentials", "recovery.pub")
        paths = [self.path / name for name in names]
        return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in paths)

    def tell(self, report: Report) -> None:
        write_atomic(self.path / "report.json", msgspec.json.encode(report))

    def told(self) -> Report | None:
        """Nothing while nobody archives it here."""
        try:
            return msgspec.json.decode((self.path / "report.json").read_bytes(), type=Report)
        except (OSError, msgspec.MsgspecError):
            return None
