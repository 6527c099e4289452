"""Two real agents: the primary's archives, its standby does not, and a failover goes on."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import Keys
from recovery.adapters.databases.postgresql.replication import SLOT
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.restore import Restore
from recovery.core import wire
from recovery.core.archive import coverage
from recovery.core.clock import system
from recovery.core.ports import Place
from recovery.core.wire.backups import BackupFact, BackupSpec, StoreSpec
from tests.agent.databases.conftest import A, B, Pair, fail_over, pair, up  # noqa: F401
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)

KEY = b"k" * 32


def told(pair: Pair, replica: str) -> BackupFact | None:  # noqa: F811
    """The newest that its agent said of its backups."""
    name = pair.hosts[replica].name
    for report in reversed(pair.gateway.frames(name, wire.DatabaseReport)):
        return report.backups[0] if report.backups else None
    return None


def give_keys(pair: Pair, replica: str) -> None:  # noqa: F811
    folder = pair.hosts[replica].folder / "state" / "databases" / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keys").touch(mode=0o600)
    (folder / "keys").write_text(f"k1 {base64.b64encode(KEY).decode()}\n")


async def test_agents_archive_their_primary_and_go_on_after_a_failover(
    up: Pair,  # noqa: F811
    tmp_path: Path,
    folder_store: DirectoryStore,
) -> None:
    place = StoreSpec(name="replica 1", kind="folder", folder=str(folder_store.folder))
    up.backup = BackupSpec(key="k1", stores=(place,))
    await up.desire()

    def says_why() -> bool:
        fact = told(up, A)
        return fact is not None and "key file cannot be read" in fact.trouble

    await until(says_why)
    give_keys(up, A)
    give_keys(up, B)

    async def covers(moment: object) -> bool:
        newest = coverage(await folder_store.list("shop/")).moment
        return newest is not None and newest >= moment  # type: ignore[operator]

    began = system.now()
    writer = up.writer(A)
    assert await writer.try_write(1)
    await until(lambda: covers(began), 90)
    fact = told(up, A)
    assert fact is not None
    assert (fact.state, fact.database, fact.trouble) == ("streaming", "shop", "")
    assert told(up, B) is None
    await fail_over(up)
    await up.desire()
    await up.until(B, 30.0, state="running", role="primary", is_writable=True)
    later = up.writer(B)
    await until(lambda: later.try_write(2, 5.0))
    after = system.now()
    await until(lambda: covers(after), 90)
    seen = coverage(await folder_store.list("shop/"))
    assert seen.reach is not None
    assert (seen.reach.timeline, seen.missing) == (2, ())
    await up.until(A, 60.0, state="running", role="standby", follows=B)

    def is_free() -> bool:
        folder = up.hosts[A].folder / "state" / "databases" / A
        return not any(SLOT in str(path) for path in folder.rglob("pg_replslot/*"))

    await until(is_free)
    target = Place(tmp_path / "restored", "127.0.0.1")
    source = Source(folder_store, Keys("k1", {"k1": KEY}), "shop")
    done = await Restore(source, target, "18").run()
    assert done.moment >= after
    assert done.canary is not None
