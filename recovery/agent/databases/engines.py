"""Which database engine stands behind the port for a replica."""

from __future__ import annotations

from pathlib import Path

from recovery.core.ports import DatabaseEngine, EngineFailed, Place
from recovery.core.wire import DatabaseSpec


def engine_in(spec: DatabaseSpec, folder: Path, listen: str) -> DatabaseEngine:
    """The adapter for this engine and version, imported where it is used: hosts without databases
    do without its libraries. Raises `EngineFailed` for what this host does not have."""
    place = Place(folder=folder / "engine", listen=listen)
    if spec.engine == "postgresql":
        from recovery.adapters.databases.postgresql.server import Postgres  # noqa: PLC0415

        return Postgres(place, version=spec.version, port=spec.port)
    raise EngineFailed(f"{spec.engine} is not served by this agent", field="engine")
