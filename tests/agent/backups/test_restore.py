"""Back from a store, to the newest moment and to any other: every write that was acknowledged up
to then is there, and what cannot be is refused with what can."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import Keys, seal
from recovery.agent.backups.fetch import RestoreRefused, Source
from recovery.agent.backups.restore import Restore, Restored, sentence
from recovery.core.archive import Chunk, ManifestName, coverage, parse
from recovery.core.ports import ObjectStore
from tests.adapters.backups.conftest import KEYS, OTHER_KEYS
from tests.adapters.databases.servers import Family, Server
from tests.agent.backups.fields import CLIENT, ONCE, Archive, Ledger
from tests.agent.backups.recorded import Archived, Recorded, archived
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)


async def back(
    family: Family,
    store: ObjectStore,
    to: datetime | None = None,
    *,
    keys: Keys = KEYS,
    check_pages: bool = False,
) -> tuple[Server, Restored]:
    """Restored into b's place, not started."""
    server = family.servers["b"]
    restore = Restore(Source(store, keys, "shop", patience=5), server.place, family.version)
    return server, await restore.run(to, check_pages=check_pages)


async def numbers(family: Family, server: Server) -> set[int]:
    family.give(server.replica)
    await server.start()
    return await CLIENT.numbers(server)


@pytest.fixture
def scene(family: Family, recorded: Recorded, folder_store: DirectoryStore) -> Archived:
    return recorded(family, folder_store)


async def test_the_newest_moment_comes_back_from_either_store(
    family: Family, tmp_path: Path, folder_store: DirectoryStore, bucket_store: ObjectStore
) -> None:
    scene = await archived(family, tmp_path, folder_store, bucket_store)
    for store in (folder_store, bucket_store):
        server, done = await back(family, store, check_pages=True)
        assert done.moment >= scene.moment
        assert done.canary is not None
        assert timedelta(0) <= done.moment - done.canary < timedelta(seconds=5)
        promised = scene.ledger.up_to(done.moment)
        assert promised
        assert promised <= await numbers(family, server)
        assert done.backup in sentence(done)
        server.kill()
        shutil.rmtree(server.folder)


async def test_a_moment_comes_back_with_what_was_acknowledged_by_then_and_no_more(
    scene: Archived, folder_store: DirectoryStore
) -> None:
    (opens, _), *_ = coverage(await folder_store.list("shop/")).windows
    times = sorted(each for each in scene.ledger.acknowledged.values() if opens < each)
    to = times[len(times) // 2]
    server, done = await back(scene.family, folder_store, to)
    assert done.moment == to
    found = await numbers(scene.family, server)
    assert scene.ledger.up_to(to) <= found
    assert max(found) <= max(scene.ledger.up_to(to)) + 1


async def test_a_moment_after_the_last_commit_is_the_newest_state(
    scene: Archived, folder_store: DirectoryStore
) -> None:
    server, done = await back(scene.family, folder_store, scene.moment)
    assert done.moment == scene.moment
    assert scene.ledger.up_to(scene.moment) <= await numbers(scene.family, server)


@ONCE
async def test_a_copy_from_before_a_restore_takes_no_name_of_the_history_that_was_left(
    scene: Archived, tmp_path: Path, folder_store: DirectoryStore
) -> None:
    """As a provider's snapshot of yesterday: since then the archive has got timeline 2."""
    shutil.copytree(folder_store.folder, tmp_path / "yesterday")
    old = DirectoryStore("yesterday", tmp_path / "yesterday")
    first, done = await back(scene.family, folder_store)
    assert done.timeline == 2
    await gone_on(scene.family, first, tmp_path / "first", folder_store, 1_000_000)
    shutil.rmtree(first.folder)
    again = Restore(Source(old, KEYS, "shop", patience=5), first.place, scene.family.version)
    second = await again.run(timeline=2)
    assert second.timeline == 3
    assert not (first.folder / "data" / "pg_wal" / "00000002.history").exists()
    written = await gone_on(scene.family, first, tmp_path / "second", folder_store, 2_000_000)
    shutil.rmtree(first.folder)
    server, third = await back(scene.family, folder_store)
    assert third.timeline == 4
    assert written <= await numbers(scene.family, server)


async def gone_on(
    family: Family, server: Server, folder: Path, store: DirectoryStore, first: int
) -> set[int]:
    """It serves, is archived into the same store, and is gone; what it acknowledged."""
    family.give(server.replica)
    await server.start()
    archive = Archive(folder, (store,))
    archive.start(server)
    ledger = Ledger(server, payload=100, first=first)
    ledger.start()
    await until(lambda: ledger.acknowledged)
    last = ledger.last
    await archive.covers(store, last)
    server.kill()
    await ledger.ended()
    await archive.stop()
    return ledger.up_to(last)


@ONCE
async def test_what_was_in_place_is_kept(scene: Archived, folder_store: DirectoryStore) -> None:
    server = scene.family.servers["b"]
    await server.engine.make(server.spec)
    (server.folder / "data" / "mine").touch()
    await back(scene.family, folder_store)
    (kept,) = (server.folder / "kept").iterdir()
    assert (kept / "mine").exists()
    assert not (server.folder / "data" / "mine").exists()


# ------------------------------------------------------------------ refusals


def litter(family: Family) -> list[str]:
    """Whatever a refused restore left."""
    folder = family.servers["b"].folder
    return sorted(each.name for each in folder.iterdir() if each.name != "act.lock")


def first(store: DirectoryStore, kind: str) -> Path:
    """A piece of the base, its manifest, or a chunk near the end of the log."""
    paths = sorted(path for path in store.folder.rglob("*") if path.is_file())
    names = {path: parse(path.relative_to(store.folder).as_posix()) for path in paths}
    if kind == "manifest":
        return next(path for path, name in names.items() if isinstance(name, ManifestName))
    if kind == "part":
        return next(path for path in paths if "part-00000" in path.name)
    chunks = [p for p, n in names.items() if isinstance(n, Chunk) and n.stop > n.start]
    return chunks[-3]


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@ONCE
@pytest.mark.parametrize("kind", ["part", "manifest", "chunk"])
@pytest.mark.parametrize(
    ("harm", "words"), [(flipped, "altered"), (cut_off, "cut off")], ids=["flipped", "cut off"]
)
async def test_a_broken_object_is_named_and_the_newest_moment_without_it(
    scene: Archived, folder_store: DirectoryStore, kind: str, harm: object, words: str
) -> None:
    path = first(folder_store, kind)
    assert callable(harm)
    harm(path)
    with pytest.raises(RestoreRefused, match=words) as refused:
        await back(scene.family, folder_store)
    error = refused.value
    assert litter(scene.family) == []
    if kind == "chunk":
        assert error.broken == path.relative_to(folder_store.folder).as_posix()
        assert error.refusal.newest is not None
        assert error.refusal.newest < scene.moment
        server, done = await back(scene.family, folder_store, error.refusal.newest)
        found = await numbers(scene.family, server)
        assert scene.ledger.up_to(done.moment) <= found
    else:
        assert "Nothing can be restored from here." in str(error)


@ONCE
async def test_a_missing_chunk_moves_the_newest_moment_before_the_gap(
    scene: Archived, folder_store: DirectoryStore
) -> None:
    first(folder_store, "chunk").unlink()
    with pytest.raises(RestoreRefused, match=r"no chunk from 0/.* on timeline 1") as refused:
        await back(scene.family, folder_store, scene.moment)
    newest = refused.value.refusal.newest
    assert newest is not None
    assert newest < scene.moment
    server, done = await back(scene.family, folder_store)
    assert done.moment == newest
    assert scene.ledger.up_to(newest) <= await numbers(scene.family, server)


@ONCE
async def test_a_log_that_cannot_be_replayed_to_its_promise_is_refused_with_what_came_back(
    scene: Archived, folder_store: DirectoryStore
) -> None:
    """The newest piece that proves a moment is whole by its name and its seal, and nothing of it
    can be read. It is longer than a record that the piece before it may have cut."""
    found = [parse(each.name) for each in await folder_store.list("shop/")]
    chunks = [one for one in found if isinstance(one, Chunk) and one.stop - one.start > 1 << 16]
    piece = max((one for one in chunks if one.moment), key=lambda one: one.stop)
    nothing = seal(bytes(piece.stop - piece.start), name=str(piece), keys=KEYS)
    (folder_store.folder / str(piece)).write_bytes(nothing)
    words = "the log could be replayed to 0/.* and no further, and it was promised to 0/"
    with pytest.raises(RestoreRefused, match=words) as refused:
        await back(scene.family, folder_store)
    assert litter(scene.family) == []
    reached = refused.value.refusal.newest
    assert reached is not None
    assert reached < scene.moment
    server, done = await back(scene.family, folder_store, reached)
    assert done.moment == reached
    assert scene.ledger.up_to(reached) <= await numbers(scene.family, server)


@ONCE
async def test_another_key_opens_nothing_and_is_called_so(
    scene: Archived, folder_store: DirectoryStore
) -> None:
    with pytest.raises(RestoreRefused, match="sealed with another key"):
        await back(scene.family, folder_store, keys=OTHER_KEYS)
    assert litter(scene.family) == []


async def test_another_major_version_is_refused_before_the_first_byte(
    scene: Archived, folder_store: DirectoryStore
) -> None:
    mine = scene.family.version
    other = "15" if mine == "18" else "18"
    server = scene.family.servers["b"]
    restore = Restore(Source(folder_store, KEYS, "shop"), server.place, other)
    words = f"is PostgreSQL {mine}'s, and PostgreSQL {other} was asked for"
    with pytest.raises(RestoreRefused, match=words) as refused:
        await restore.run()
    assert refused.value.refusal.newest is not None
    assert restore.progress.done == 0
    assert litter(scene.family) == []


@ONCE
@pytest.mark.parametrize(
    ("minutes", "words"), [(-60, "before the oldest moment"), (60, "after everything")]
)
async def test_a_moment_outside_of_the_window_is_refused_with_the_newest(
    scene: Archived, folder_store: DirectoryStore, minutes: int, words: str
) -> None:
    with pytest.raises(RestoreRefused, match=words) as refused:
        await back(scene.family, folder_store, scene.moment + timedelta(minutes=minutes))
    assert refused.value.refusal.newest is not None
    assert "The newest moment that can be restored is" in str(refused.value)


@ONCE
async def test_an_empty_store_has_no_backup(family: Family, folder_store: DirectoryStore) -> None:
    with pytest.raises(RestoreRefused, match="there is no backup"):
        await back(family, folder_store)
