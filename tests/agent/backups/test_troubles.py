"""What a host says of restores that a store or its own disk is in the way of; no engine runs."""

from __future__ import annotations

import base64
from pathlib import Path

from recovery.agent.backups.ordered import PASSING, Restores
from recovery.core import wire
from recovery.core.ports import Place
from recovery.core.wire.backups import RestoreSpec, StoreSpec
from tests.adapters.databases.disks import small_disk
from tests.support.own import free_port

DATABASE = wire.DatabaseSpec(
    replica="a",
    database="d",
    name="shop",
    engine="valkey",
    version="9",
    role="primary",
    epoch=1,
    port=1,
    secret="s",
    members=(),
)


def restores_at(folder: Path) -> Restores:
    key = base64.b64encode(b"k" * 32).decode()
    for name, text in {"keys": f"k1 {key}\n", "credentials": "c a b\n"}.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    place = Place(folder / "a", "127.0.0.1")
    return Restores(folder, lambda _: place, lambda: None, lambda _: False)


def order(store: StoreSpec, verb: wire.DatabaseVerb = "restore") -> wire.DatabaseOrder:
    spec = RestoreSpec(restore="r-1", store=store, key="k1")
    return wire.DatabaseOrder(operation="o", epoch=1, verb=verb, database=DATABASE, restore=spec)


async def test_a_restore_that_only_a_store_was_in_the_way_of_is_told_as_one_that_may_be_asked_again(
    tmp_path: Path,
) -> None:
    nobody = StoreSpec(
        name="replica 2",
        kind="bucket",
        endpoint=f"http://127.0.0.1:{free_port()}",
        bucket="backups",
        credentials="c",
    )
    away = await restores_at(tmp_path).carry_out(order(nobody))
    assert (away.state, away.detail[: len(PASSING)]) == ("failed", PASSING)
    gone = StoreSpec(name="replica 2", kind="folder", folder=str(tmp_path / "nowhere"))
    refused = await restores_at(tmp_path).carry_out(order(gone))
    assert refused.state == "failed"
    assert not refused.detail.startswith(PASSING)


async def test_what_the_disk_does_not_let_go_is_told_and_asked_for_again(tmp_path: Path) -> None:
    folder = StoreSpec(name="replica 2", kind="folder", folder=str(tmp_path))
    staged = tmp_path / "a" / "staged-r-1"
    staged.parent.mkdir()
    with small_disk(staged, 1):
        kept = await restores_at(tmp_path).carry_out(order(folder, "discard"))
    assert kept.state == "failed"
    assert str(staged) in kept.detail
    done = await restores_at(tmp_path).carry_out(order(folder, "discard"))
    assert done.state == "done"
    assert not staged.exists()


async def test_a_note_that_nobody_can_read_keeps_no_agent_from_starting(tmp_path: Path) -> None:
    folder = StoreSpec(name="replica 2", kind="folder", folder=str(tmp_path))
    note = tmp_path / "restores" / "r-1.json"
    note.parent.mkdir()
    note.write_bytes(b'{"database": \xff')
    restores = restores_at(tmp_path)
    await restores.open()
    assert note.exists()
    assert [(one.restore, one.state) for one in restores.facts()] == [("r-1", "staged")], "counted"
    assert (await restores.carry_out(order(folder, "discard"))).state == "done"
    assert not note.exists()
    assert restores.facts() == ()
