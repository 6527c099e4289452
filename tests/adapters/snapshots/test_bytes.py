"""The lab's provider copies real bytes, whole or not at all, also when it is killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.snapshots.store import DATABASE_TAG, SnapshotStore
from recovery.core.ports import NoSuchObject, SnapshotProvider, StoreAway, StoreRefused
from tests.adapters.snapshots.conftest import FAR, HOME, HOST, Lab
from tests.adapters.snapshots.test_contract import completed, whole
from tests.support.waiting import until

TAGS = {DATABASE_TAG: "orders-pg"}


def read(lab: Lab) -> SnapshotStore:
    return SnapshotStore("replica 3", lab.provider(FAR), lab.folder / "disks" / FAR / "volumes")


async def spooled(lab: Lab, *names: str) -> None:
    store = DirectoryStore("spool", lab.spool)
    for name in names:
        await store.put(name, f"the bytes of {name}".encode() * 1000)


async def copied(lab: Lab) -> str:
    home, far = lab.provider(HOME), lab.provider(FAR)
    made = home.create(home.volume_of(HOST), TAGS)
    await whole(home, TAGS)
    copy = far.copy(HOME, made.id, TAGS)
    await whole(far, TAGS)
    return copy.id


async def mounted(lab: Lab, snapshot: str) -> None:
    far = lab.provider(FAR)
    far.create_volume(snapshot, {})
    await until(lambda: any(each.is_ready for each in far.volumes(snapshot)))


async def test_what_was_in_the_spool_is_read_at_the_third_site(lab: Lab) -> None:
    names = ["orders-pg/7/base/b/manifest", "orders-pg/7/base/b/part-00000"]
    await spooled(lab, *names, "other/1/wal/x")
    (lab.spool / ".partial" / "half").write_bytes(b"half")
    await mounted(lab, await copied(lab))
    await spooled(lab, "orders-pg/7/wal/later")
    store = read(lab)
    assert [each.name for each in await store.list("orders-pg/")] == names
    assert await store.get(names[1]) == f"the bytes of {names[1]}".encode() * 1000
    with pytest.raises(NoSuchObject):
        await store.get("orders-pg/7/wal/later")


async def test_a_snapshot_is_only_read(lab: Lab) -> None:
    store = read(lab)
    assert await store.list("orders-pg/") == []
    with pytest.raises(NoSuchObject):
        await store.get("orders-pg/x")
    with pytest.raises(StoreRefused):
        await store.put("orders-pg/x", b"")
    with pytest.raises(StoreRefused):
        await store.delete("orders-pg/x")


async def test_without_a_volume_it_is_away_and_not_empty(lab: Lab) -> None:
    """Nothing restorable would be a false alarm."""
    await spooled(lab, "orders-pg/7/base/b/manifest")
    await copied(lab)
    with pytest.raises(StoreAway, match=r"the volume of .* is still being made"):
        await read(lab).list("orders-pg/")


async def test_it_is_pending_until_its_last_byte_is_there(lab: Lab) -> None:
    await spooled(lab, "orders-pg/7/base/b/manifest")
    home, far = lab.provider(HOME), lab.provider(FAR)
    lab.gate.clear()
    made = home.create(home.volume_of(HOST), TAGS)
    copy = far.copy(HOME, made.id, TAGS)
    assert [each.state for each in home.find(TAGS)] == ["pending"]
    assert [each.state for each in far.find(TAGS)] == ["pending"]
    assert not (lab.folder / "disks" / FAR / "snapshots" / copy.id / "content").exists()
    lab.gate.set()
    await whole(far, TAGS)


async def test_a_site_that_falls_silent_gives_nothing_until_it_is_back(lab: Lab) -> None:
    await spooled(lab, "orders-pg/7/base/b/manifest")
    home, far = lab.provider(HOME), lab.provider(FAR)
    made = home.create(home.volume_of(HOST), TAGS)
    await whole(home, TAGS)
    lab.stop(HOME)
    far.copy(HOME, made.id, TAGS)
    with pytest.raises(StoreAway):
        home.find(TAGS)
    assert [each.state for each in far.find(TAGS)] == ["pending"]
    lab.start(HOME)
    await whole(far, TAGS)


async def test_a_flipped_byte_on_its_way_is_an_error_and_no_snapshot(lab: Lab) -> None:
    await spooled(lab, "orders-pg/7/base/b/manifest")
    home, far = lab.provider(HOME), lab.provider(FAR)
    made = home.create(home.volume_of(HOST), TAGS)
    await whole(home, TAGS)
    content = lab.folder / "disks" / HOME / "snapshots" / made.id / "content"
    flip(content / "orders-pg/7/base/b/manifest")
    far.copy(HOME, made.id, TAGS)
    await until(lambda: far.find(TAGS)[0].state == "error")
    assert completed(far, TAGS) == []


async def test_a_flipped_byte_makes_no_volume(lab: Lab) -> None:
    await spooled(lab, "orders-pg/7/base/b/manifest")
    snapshot = await copied(lab)
    content = lab.folder / "disks" / FAR / "snapshots" / snapshot / "content"
    flip(content / "orders-pg/7/base/b/manifest")
    far = lab.provider(FAR)
    made = far.create_volume(snapshot, {})
    meta = lab.folder / "disks" / FAR / "volumes" / f"{made.id}.json"
    await until(lambda: '"error"' in meta.read_text())
    assert [each.is_ready for each in far.volumes(snapshot)] == [False]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(data)


async def test_wrong_keys_are_refused_by_name(lab: Lab) -> None:
    with pytest.raises(StoreRefused) as refused:
        lab.provider(HOME, "another secret").find(TAGS)
    assert refused.value.field == "credentials"
    assert "another secret" not in str(refused.value)


async def test_a_site_that_is_killed_half_way_ends_with_one_whole_snapshot(
    lab: Lab, tmp_path: Path
) -> None:
    """SIGKILL in the middle of the copying, of a process of its own."""
    await spooled(lab, *(f"orders-pg/7/base/b/part-{n:05}" for n in range(40)))
    lab.stop(HOME)
    config = lab.folder / f"{HOME}.json"
    config.write_text(config.read_text().replace('"port"', '"piece_seconds": 0.05, "port"'))
    home = lab.provider(HOME)
    content = lab.folder / "disks" / HOME / "snapshots"
    process = serving(config)
    try:
        await until(lambda: answers(home))
        made = home.create(home.volume_of(HOST), TAGS)
        half = content / made.id / "content.partial" / "orders-pg/7/base/b"
        await until(lambda: half.exists() and len(list(half.iterdir())) > 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert '"pending"' in (content / made.id / "meta.json").read_text()
    assert not (content / made.id / "content").exists()
    lab.start(HOME)
    found = await whole(home, TAGS)
    assert [each.id for each in home.find(TAGS)] == [found.id] == [made.id]
    names = sorted(p.name for p in (content / made.id / "content/orders-pg/7/base/b").iterdir())
    assert names == [f"part-{n:05}" for n in range(40)]
    assert not (content / made.id / "frozen").exists()


def serving(config: Path) -> subprocess.Popen[bytes]:
    script = "import sys, pathlib; from recovery.lab.provider.run import serve; "
    script += "serve(pathlib.Path(sys.argv[1]))"
    return subprocess.Popen([sys.executable, "-c", script, str(config)], env=dict(os.environ))


def answers(provider: SnapshotProvider) -> bool:
    try:
        provider.find(TAGS)
    except StoreAway:
        return False
    return True
