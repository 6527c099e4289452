"""Which engine stands behind the port for a database."""

from __future__ import annotations

from recovery.core.ports import DatabaseEngine, EngineFailed, Place
from recovery.core.wire import DatabaseSpec


def engine_for(spec: DatabaseSpec, place: Place) -> DatabaseEngine:
    """The adapter of this database's engine; each brings its own client library, so late."""
    if spec.engine == "postgresql":
        from recovery.adapters.databases.postgresql.server import Postgres  # noqa: PLC0415

        return Postgres(place, version=spec.version, port=spec.port)
    if spec.engine == "valkey":
        from recovery.adapters.databases.valkey.server import Valkey  # noqa: PLC0415

        return Valkey(place, version=spec.version, secret=spec.secret)
    raise EngineFailed(f"{spec.engine} is no engine that this agent knows", field="engine")
