"""The lab's stores: killed alone or with their datacenter, back with what they had."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recovery.adapters.backups.s3 import Bucket, S3Store
from recovery.adapters.backups.sealing import read_keys
from recovery.agent import kernel
from recovery.agent.backups.stores import store_for
from recovery.core.errors import BadConfiguration
from recovery.core.ports import StoreAway, StoreError, StoreRefused
from recovery.core.wire.backups import StoreSpec
from recovery.lab import layout, processes
from recovery.lab.stores.entries import BUCKET, BUCKET_PORT
from recovery.lab.stores.secrets import Secrets
from tests.lab.conftest import FILE, NETWORKS, RunningLab, running_lab
from tests.support.waiting import until

in_relay = pytest.mark.parametrize("mode", ["relay"], indirect=True)
STORES = """
stores:
  - {name: one-store, datacenter: ONE}
  - {name: two-store, datacenter: TWO}
"""


@pytest.fixture
async def stored(tmp_path: Path, mode: str) -> AsyncIterator[RunningLab]:
    async with running_lab(tmp_path, mode, FILE + STORES) as lab:
        yield lab


def address_of(lab: RunningLab, name: str) -> str:
    places = layout.load(lab.folder / "lab.yaml").places(NETWORKS[lab.mode])
    return next(each.address for each in places if each.name == name)


def opened(lab: RunningLab, name: str, *, reading: bool = False, patience: float = 20.0) -> S3Store:
    secrets = Secrets(lab.folder / "lab" / "backups")
    access, secret = secrets.reading(name) if reading else secrets.writing(name)
    endpoint = f"http://{address_of(lab, name)}:{BUCKET_PORT}"
    return S3Store(name, Bucket(endpoint, BUCKET, access, secret), patience=patience)


async def serves(lab: RunningLab, name: str) -> bool:
    store = opened(lab, name, patience=2.0)
    try:
        await store.list()
    except StoreError:
        return False
    else:
        return True
    finally:
        await store.close()


async def gives(store: S3Store, name: str, data: bytes) -> bool:
    """A service that has just begun may list what it cannot give out yet."""
    try:
        return await store.get(name) == data
    except StoreAway:
        return False


async def state_of(lab: RunningLab, name: str) -> dict[str, object]:
    stores = (await lab.ask("status"))["stores"]
    assert isinstance(stores, list)
    return next(each for each in stores if each["host"] == name)


async def pid_of(lab: RunningLab, name: str) -> int:
    pid = (await state_of(lab, name))["pid"]
    assert isinstance(pid, int)
    return pid


async def look(lab: RunningLab, name: str) -> str:
    return await kernel.look(address_of(lab, name), BUCKET_PORT, 0.4)


async def test_each_datacenter_has_a_store_of_its_own(stored: RunningLab) -> None:
    await until(lambda: serves(stored, "one-store"))
    await until(lambda: serves(stored, "two-store"))
    one, two = opened(stored, "one-store"), opened(stored, "two-store")
    await one.put("orders/1/base", b"here")
    assert [each.name for each in await one.list()] == ["orders/1/base"]
    assert await two.list() == []
    for store in (one, two):
        await store.close()


async def test_a_store_dies_with_its_datacenter_and_is_silent(stored: RunningLab) -> None:
    await until(lambda: serves(stored, "one-store"))
    await until(lambda: serves(stored, "two-store"))
    store = opened(stored, "one-store")
    await store.put("orders/1/base", b"kept")
    lost = await stored.ask("kill-datacenter", datacenter="ONE")
    assert lost == {"hosts": ["one-a", "one-b"], "stores": ["one-store"]}
    assert await look(stored, "one-store") == "silent"
    hasty = opened(stored, "one-store", patience=1.0)
    with pytest.raises(StoreAway):
        await hasty.get("orders/1/base")
    assert await serves(stored, "two-store")
    back = await stored.ask("restart-datacenter", datacenter="ONE")
    assert back == {"hosts": ["one-a", "one-b", "one-store"]}
    await until(lambda: serves(stored, "one-store"))
    await until(lambda: gives(store, "orders/1/base", b"kept"))
    for each in (store, hasty):
        await each.close()


async def test_a_crashed_store_refuses_and_is_started_again(stored: RunningLab) -> None:
    """Its machine lives: that is a reset, not silence."""
    await until(lambda: serves(stored, "one-store"))
    store = opened(stored, "one-store")
    await store.put("orders/1/base", b"kept")
    below = processes.tree(await pid_of(stored, "one-store"))
    assert len(below) == 3
    os.kill(below[2], signal.SIGKILL)
    await until(lambda: refuses(stored, "one-store"))
    await until(lambda: serves(stored, "one-store"))
    await until(lambda: gives(store, "orders/1/base", b"kept"))
    await store.close()


async def refuses(lab: RunningLab, name: str) -> bool:
    return await look(lab, name) == "resets"


async def test_a_store_alone_is_lost_hung_and_back(stored: RunningLab) -> None:
    await until(lambda: serves(stored, "two-store"))
    await stored.ask("hang", host="two-store")
    assert (await state_of(stored, "two-store"))["state"] == "hung"
    assert not await serves(stored, "two-store")
    await stored.ask("heal", host="two-store")
    await until(lambda: serves(stored, "two-store"))
    await stored.ask("kill", host="two-store")
    assert await look(stored, "two-store") == "silent"
    assert (await state_of(stored, "two-store"))["state"] == "down"
    assert (await stored.status("two-a"))["state"] == "up"
    await stored.ask("restart", host="two-store")
    await until(lambda: serves(stored, "two-store"))


@in_relay
async def test_hosts_have_the_keys_in_files_that_nobody_else_reads(stored: RunningLab) -> None:
    await until(lambda: serves(stored, "one-store"))
    folder = stored.folder / "lab" / "hosts" / "two-a" / "state" / "databases" / "backups"
    assert read_keys(folder / "keys").current == "k1"
    for path in (*folder.iterdir(), *(stored.folder / "lab" / "backups").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600, path
    endpoint = f"http://{address_of(stored, 'one-store')}:{BUCKET_PORT}"
    spec = StoreSpec(
        name="one-store", kind="bucket", endpoint=endpoint, bucket=BUCKET, credentials="one-store"
    )
    store = store_for(spec, folder)
    await store.put("orders/1/base", b"whole")
    await store.delete("orders/1/base")
    assert await store.list() == []
    await store.close()


@in_relay
async def test_the_control_plane_may_read_and_not_write(stored: RunningLab) -> None:
    await until(lambda: serves(stored, "one-store"))
    hosts, control = opened(stored, "one-store"), opened(stored, "one-store", reading=True)
    await hosts.put("orders/1/base", b"whole")
    assert await control.get("orders/1/base") == b"whole"
    with pytest.raises(StoreRefused):
        await control.put("orders/1/base", b"overwritten")
    with pytest.raises(StoreRefused):
        await control.delete("orders/1/base")
    for store in (hosts, control):
        await store.close()


def test_secrets_are_made_once(tmp_path: Path) -> None:
    first = Secrets(tmp_path)
    first.ensure(["one"])
    key, pair = (tmp_path / "keys").read_text(), first.writing("one")
    again = Secrets(tmp_path)
    again.ensure(["one", "two"])
    assert (tmp_path / "keys").read_text() == key
    assert again.writing("one") == pair
    pairs = {again.writing("one"), again.writing("two"), again.reading("one"), again.reading("two")}
    assert len(pairs) == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("datacenter: TWO", "datacenter: SIX", "there is no datacenter SIX"),
        ("name: two-store", "name: one-store", "stores named twice: one-store"),
        ("name: two-store", "name: one-a", "one-a is a host"),
        ("datacenter: TWO}", "datacenter: TWO, kind: tape}", r"stores\.1\.kind"),
    ],
)
def test_a_wrong_store_is_refused_with_line_and_field(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    head, _, tail = (FILE + STORES).rpartition(old)
    (tmp_path / "lab.yaml").write_text(head + new + tail)
    with pytest.raises(BadConfiguration, match=said):
        layout.load(tmp_path / "lab.yaml")


async def test_without_stores_nothing_of_them_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_LAB_STORES", "0")
    async with running_lab(tmp_path, "relay", FILE + STORES) as lab:
        async with asyncio.timeout(60):
            assert (await lab.ask("status"))["stores"] == []
    assert not (tmp_path / "lab" / "backups").exists()
