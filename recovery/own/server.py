"""Where Tocsin's own database is reached, by the login that archives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recovery.engines.postgres import PORT, Cluster
from recovery.engines.roles import ARCHIVER
from recovery.engines.state import State

NAME = "tocsin-itself"
"""How the names of its objects begin."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is: libpq's words to read its log, and its version."""

    words: Mapping[str, str] = field(repr=False)
    version: str

    @classmethod
    def of(cls, state: State) -> Server:
        cluster = Cluster(state.folder / "postgres")
        words = {
            "host": str(cluster.socket_folder),
            "port": str(PORT),
            "user": ARCHIVER,
            "password": state.secret("archiver"),
        }
        return cls(words, (cluster.data / "PG_VERSION").read_text().strip())
