"""What every provider of snapshots keeps: moto, and the lab's own."""

from __future__ import annotations

import pytest

from recovery.core.ports import Snapshot, SnapshotProvider, StoreError, StoreRefused
from tests.adapters.snapshots.conftest import HOME, HOST, Sites
from tests.support.waiting import until


async def whole(provider: SnapshotProvider, tags: dict[str, str]) -> Snapshot:
    await until(lambda: bool(completed(provider, tags)))
    return completed(provider, tags)[0]


def completed(provider: SnapshotProvider, tags: dict[str, str]) -> list[Snapshot]:
    return [each for each in provider.find(tags) if each.state == "completed"]


async def test_a_hosts_volume_is_found_by_its_name(sites: Sites) -> None:
    assert sites.home.volume_of(HOST).startswith("vol-")
    with pytest.raises(StoreRefused, match=r"no volume of .* bears the name nobody"):
        sites.home.volume_of("nobody")


async def test_a_snapshot_is_found_again_by_its_tags(sites: Sites) -> None:
    made = sites.home.create(sites.home.volume_of(HOST), sites.tags)
    assert made.state in ("pending", "completed")
    found = await whole(sites.home, sites.tags)
    assert (found.id, dict(found.tags)) == (made.id, sites.tags)
    assert sites.home.find({**sites.tags, "tocsin-run": "2"}) == []
    assert sites.far.find(sites.tags) == []


async def test_it_is_copied_to_another_site_and_becomes_a_volume_there(sites: Sites) -> None:
    made = sites.home.create(sites.home.volume_of(HOST), sites.tags)
    await whole(sites.home, sites.tags)
    copy = sites.far.copy(HOME, made.id, sites.tags)
    assert (await whole(sites.far, sites.tags)).id == copy.id
    assert sites.far.volumes(copy.id) == []
    tags = sites.tags | {"tocsin-loan": "7"}
    volume = sites.far.create_volume(copy.id, tags)
    await until(lambda: all(each.is_ready for each in sites.far.volumes(copy.id)))
    (seen,) = sites.far.volumes(copy.id)
    assert (seen.id, dict(seen.tags), seen.is_broken) == (volume.id, tags, False)
    assert [each.id for each in sites.far.made(tags)] == [volume.id]
    assert sites.far.made(tags | {"tocsin-run": "2"}) == []
    sites.far.delete_volume(volume.id)
    assert sites.far.volumes(copy.id) == []


async def test_the_newest_comes_first(sites: Sites) -> None:
    volume = sites.home.volume_of(HOST)
    ids = [sites.home.create(volume, sites.tags | {"tocsin-run": str(n)}).id for n in range(3)]
    found = sites.home.find({"tocsin-database": sites.tags["tocsin-database"]})
    assert {each.id for each in found} == set(ids)
    assert [each.begun for each in found] == sorted((e.begun for e in found), reverse=True)


async def test_what_is_gone_may_be_deleted_again(sites: Sites) -> None:
    made = sites.home.create(sites.home.volume_of(HOST), sites.tags)
    await whole(sites.home, sites.tags)
    for _ in range(2):
        sites.home.delete(made.id)
        sites.home.delete_volume("vol-00000000000000000")
    assert sites.home.find(sites.tags) == []


async def test_a_copy_of_nothing_is_an_error(sites: Sites) -> None:
    with pytest.raises(StoreError):
        sites.far.copy(HOME, "snap-00000000000000000", sites.tags)
    with pytest.raises(StoreError):
        sites.home.create("vol-00000000000000000", sites.tags)
    assert sites.far.find(sites.tags) == sites.home.find(sites.tags) == []
