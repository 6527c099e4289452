"""The backups of one database, made from its list and from what this host keeps in files."""

from __future__ import annotations

import zlib
from datetime import timedelta
from pathlib import Path

from recovery.adapters.backups.polite import PoliteStore
from recovery.adapters.databases.postgresql.files import upstream
from recovery.adapters.databases.postgresql.layout import Layout
from recovery.adapters.databases.postgresql.replication import Replication
from recovery.agent.backups.archiver import Archiver, Primary
from recovery.agent.backups.daily import Daily, Source
from recovery.agent.backups.keeping import Keeping, Plan
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stores import keys_for, store_for
from recovery.core.archive import RetentionPolicy
from recovery.core.ports import DATABASE, Login, Place
from recovery.core.wire import DatabaseSpec
from recovery.core.wire.backups import BackupSpec

_STAGGER = 30
LOG_GAP, SNAPSHOT_GAP = timedelta(hours=1), timedelta(days=2)
"""A server that writes nothing still leaves a mark a minute; a daily engine leaves nothing between
two snapshots, and one of them may fail."""


def keeping_for(spec: DatabaseSpec, place: Place, folder: Path) -> Keeping:
    """`folder`: of this host's backups (stores.py)."""
    assert spec.backup is not None
    spool_folder = folder / "spool"
    spool_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = keys_for(folder, spec.backup.key)
    disk = PoliteStore("spool", spool_folder, whose="the databases", beside=_home(spec, place))
    spool = Spool(disk, spec.name, keys)
    stores = [store_for(each, folder) for each in spec.backup.stores]
    plan = _plan(spec.backup, spec)
    if spec.engine == "postgresql":
        return Archiver(_primary(spec, place), spool, stores, plan)
    member = next(each for each in spec.members if each.replica == spec.replica)
    address = place.reach(member)
    source = Source(spec.replica, spec.database, spec.version, address, spec.secret)
    return Daily(source, spool, stores, plan)


def _home(spec: DatabaseSpec, place: Place) -> Path:
    """Where its data and its log are."""
    is_elsewhere = spec.engine == "postgresql"
    return Layout(place, spec.version).seat.folder if is_elsewhere else place.folder


def _primary(spec: DatabaseSpec, place: Place) -> Primary:
    """Its log through the socket, whatever the gate says; a canary as a client, under it."""
    member = next(each for each in spec.members if each.replica == spec.replica)
    probe = upstream(member, spec, place) | {
        "user": Login.PROBE.value,
        "password": Login.PROBE.password(spec.secret),
        "dbname": DATABASE,
    }
    return Primary(spec.replica, spec.version, _socket(spec, place), probe)


def _socket(spec: DatabaseSpec, place: Place) -> dict[str, str]:
    layout = Layout(place, spec.version)
    return {"host": str(layout.socket), "port": str(spec.port), "user": Login.ADMIN.value}


def _plan(backup: BackupSpec, spec: DatabaseSpec) -> Plan:
    return Plan(
        base_every=timedelta(seconds=backup.every),
        kept=kept_of(backup, spec.engine),
        lock=timedelta(days=backup.lock_days) if backup.lock_days else None,
        stagger=float(zlib.crc32(spec.name.encode()) % _STAGGER),
    )


def kept_of(backup: BackupSpec, engine: str) -> RetentionPolicy:
    """What the stores keep."""
    every = timedelta(seconds=backup.every)
    gap = LOG_GAP if engine == "postgresql" else max(SNAPSHOT_GAP, 2 * every)
    return RetentionPolicy(backups=backup.backups, days=backup.days, gap=gap)


async def free_slot(spec: DatabaseSpec, place: Place) -> None:
    """The server keeps no log for an archive any more."""
    async with await Replication.open(_socket(spec, place)) as connection:
        await connection.drop_slot()
