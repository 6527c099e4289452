"""With a store and the keys alone, no control plane: what is there, and back with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import S3Store
from recovery.agent.backups.__main__ import main
from recovery.core.archive import coverage, told
from recovery.core.clock import system
from recovery.core.ports import EngineFailed, ObjectStore
from tests.adapters.backups.conftest import KEYS, key_line
from tests.adapters.databases.servers import Family
from tests.agent.backups.fields import CLIENT, ONCE, Archive, written
from tests.support.seaweed import KEYS as BUCKET_KEYS
from tests.support.seaweed import Seaweed


async def spoken(*argv: object) -> tuple[int, str]:
    said: list[str] = []
    code = await asyncio.to_thread(main, [str(each) for each in argv], said.append)
    return code, "".join(said)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(key_line("k1", KEYS.by_id["k1"]))
    return path


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ObjectStore, list[object]]:
    """A store, and how a person names it."""
    if request.param == "folder":
        folder: DirectoryStore = request.getfixturevalue("folder_store")
        return folder, [folder.folder]
    service: Seaweed = request.getfixturevalue("seaweed")
    service.make("backups")
    path = tmp_path / "credentials"
    path.touch(mode=0o600)
    path.write_text(f"one {BUCKET_KEYS[0]} {BUCKET_KEYS[1]}\n")
    words: list[object] = [f"{service.endpoint}/backups", "--credentials", path, "--id", "one"]
    return S3Store("replica 2", service.bucket("backups")), words


@ONCE
async def test_a_person_sees_and_restores_from_a_folder_and_from_a_bucket(
    family: Family, tmp_path: Path, keys: Path, place: tuple[ObjectStore, list[object]]
) -> None:
    store, words = place
    for each in await store.list():
        await store.delete(each.name)
    a = await written(family)
    archive = Archive(tmp_path / "spool", [store])
    archive.start(a)
    await archive.covers(store, system.now())
    await CLIENT.write(a, 1)
    await asyncio.sleep(1.0)
    moment = system.now()
    await archive.covers(store, moment)
    await archive.stop()
    a.kill()
    newest = coverage(await store.list()).moment
    assert newest is not None
    code, text = await spoken("show", *words)
    assert code == 0
    assert f"shop: restorable up to {told(newest)}" in text
    into = tmp_path / "into"
    code, text = await spoken(
        *("restore", *words, "--database", "shop", "--into", into, "--keys", keys),
        *("--version", family.version, "--to", moment.isoformat()),
    )
    assert code == 0, text
    assert f"to {told(moment)} in" in text
    assert (into / "data" / "PG_VERSION").read_text().strip() == family.version
    await store.close()


async def test_a_refusal_is_its_sentence(tmp_path: Path, keys: Path) -> None:
    (tmp_path / "store").mkdir()
    words = ["--database", "shop", "--into", tmp_path / "into", "--keys", keys]
    code, text = await spoken("restore", tmp_path / "store", *words)
    assert (code, text.splitlines()[-1]) == (
        1,
        "there is no backup. Nothing can be restored from here.",
    )
    code, text = await spoken("restore", "http://127.0.0.1:1/b", *words)
    assert (code, text) == (1, "store: A bucket needs --credentials FILE and --id ID.\n")
    code, text = await spoken("show", tmp_path / "absent")
    assert code == 1
    assert "is not there" in text
    assert (await spoken("show", tmp_path / "store"))[1] == "There is no backup.\n"


@ONCE
async def test_a_running_servers_data_are_not_replaced(
    family: Family, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    from recovery.agent.backups.fetch import Source
    from recovery.agent.backups.restore import Restore

    a = await written(family)
    archive = Archive(tmp_path / "spool", [folder_store])
    archive.start(a)
    await CLIENT.write(a, 1)
    await archive.covers(folder_store, system.now())
    await archive.stop()
    with pytest.raises(EngineFailed, match="the server still runs"):
        await Restore(Source(folder_store, KEYS, "shop"), a.place, family.version).run()
    assert await CLIENT.numbers(a) == {1}
    assert list(a.folder.glob("restore-*")) == []
    assert not (a.folder / "kept").exists()
