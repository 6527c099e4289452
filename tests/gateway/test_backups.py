"""Agents are told where archives go, and told again when that changes; their word is kept."""

from __future__ import annotations

import pytest

from recovery.backups import actions
from recovery.backups.facts import StoreKind
from recovery.backups.models import ArchiverSight, Store
from recovery.core import wire
from recovery.core.wire.backups import BackupFact, BackupSpec, StoreSpec
from recovery.detection.facts import Part
from recovery.detection.freezes import lift_freeze
from recovery.gateway.actions import record_sights
from recovery.gateway.databases import specs_of, stamps_of
from recovery.inventory.models import Datacenter, Replica
from tests.actions.backups.ground import assign, make_ground
from tests.support.fleet import BY, NOW
from tests.support.freezes import freeze

pytestmark = pytest.mark.django_db


def replica() -> Replica:
    return Replica.objects.select_related("database").get()


def told() -> BackupSpec | None:
    row = replica()
    return specs_of([row.database_id])[row.pk].backup


def test_a_list_names_folders_and_buckets_and_sends_no_secret() -> None:
    make_ground()
    actions.register_store(
        name="s3-osu2",
        kind=StoreKind.S3,
        place=Datacenter.objects.get(name="OSU2"),
        address="http://127.0.0.1:8333",
        bucket="tocsin",
        credentials={"access_key": "a", "secret_key": "hush", "region": "eu-west-2"},
        actor=BY,
        reason="test",
        now=NOW,
    )
    found = told()
    assert found is not None
    first, second, _ = found.stores
    assert first == StoreSpec(name="s3-par1", kind="folder", folder="/srv/s3-par1")
    assert (second.kind, second.region, second.credentials) == ("bucket", "eu-west-2", "s3-osu2")
    assert "hush" not in str(found)


def test_the_providers_snapshot_is_none_of_an_agents_business() -> None:
    make_ground()
    store = Store.objects.get(name="s3-mrs1")
    actions.register_store(
        name=store.name,
        kind=StoreKind.SNAPSHOT,
        place=store.place,
        address="https://api.provider",
        actor=BY,
        reason="test",
        now=NOW,
    )
    found = told()
    assert found is not None
    assert [one.name for one in found.stores] == ["s3-par1", "s3-osu2"]


def test_a_host_is_told_again_when_a_store_moves_and_not_when_a_promise_ages() -> None:
    ground = make_ground()
    host = replica().host_id
    before = stamps_of([host])
    ground.look(NOW)
    assert stamps_of([host]) == before
    store = actions.register_store(
        name="s3-lyon",
        kind=StoreKind.DIRECTORY,
        place=Datacenter.objects.get(name="OSU2"),
        address="/srv/lyon",
        actor=BY,
        reason="test",
        now=NOW,
    )
    assign(replica().database, 2, store)
    assert stamps_of([host]) != before


def test_what_an_agent_says_of_its_archive_is_heard_with_its_report() -> None:
    make_ground()
    row = replica()
    fact = BackupFact(replica=str(row.pk), database="orders-pg", state="streaming")
    report = wire.DatabaseReport(replicas=(), backups=(fact,))
    record_sights(host=row.host_id, report=report, now=NOW)
    assert ArchiverSight.objects.get().state == "streaming"


def test_frozen_retention_is_told_to_every_agent_and_told_again_when_it_is_over() -> None:
    make_ground()
    host = replica().host_id
    before = stamps_of([host])
    row = freeze([Part.FAILOVER])
    assert stamps_of([host]) == before, "that says nothing about what is removed"
    lift_freeze(freeze=row.pk, actor=BY, reason="Over.", now=NOW)
    row = freeze([Part.RETENTION])
    frozen, found = stamps_of([host]), told()
    assert frozen != before
    assert found is not None
    assert found.keeps_all
    lift_freeze(freeze=row.pk, actor=BY, reason="Over.", now=NOW)
    assert stamps_of([host]) == before
    found = told()
    assert found is not None
    assert not found.keeps_all
