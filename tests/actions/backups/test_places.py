"""Stores with their secrets, and replicas that lie far enough from one another."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from recovery.audit.models import AuditEntry
from recovery.backups import actions
from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica, Store
from recovery.core.errors import Refused
from recovery.inventory import actions as inventory
from recovery.inventory.models import Database, Datacenter
from tests.actions.backups.ground import assign, back_up, later, make_ground, make_store
from tests.actions.failover.fleet import describe
from tests.support.fleet import BY, NOW, make_fleet

pytestmark = pytest.mark.django_db


def place(name: str, latitude: float, longitude: float) -> Datacenter:
    return inventory.register_datacenter(
        name=name,
        city=name,
        region="fr",
        latitude=latitude,
        longitude=longitude,
        actor=BY,
        reason="test",
        now=NOW,
    )


@pytest.fixture
def orders() -> Database:
    """In PAR1, at 48.936 N; a degree of latitude is 111.2 km there."""
    make_fleet()
    return describe("orders-pg")


def test_sites_9_km_apart_are_refused_as_replicas_1_and_2_and_11_km_are_accepted(
    orders: Database,
) -> None:
    assign(orders, 1, make_store("one", "PAR1"))
    place("NEAR", 48.936 + 9 / 111.2, 2.357)
    place("FAR", 48.936 + 11 / 111.2, 2.357)
    with pytest.raises(Refused) as refused:
        assign(orders, 2, make_store("near", "NEAR"))
    assert str(refused.value) == (
        "store: orders-pg: Replicas 1 (PAR1) and 2 (NEAR) are 9.00 km apart, and more than 10 km"
        " are promised. Its replicas are as they were. Choose a store in another datacenter."
    )
    assert not BackupReplica.objects.filter(number=2).exists()
    assert assign(orders, 2, make_store("far", "FAR")).number == 2


def test_a_store_whose_place_nobody_knows_is_refused_beside_another(orders: Database) -> None:
    assign(orders, 1, make_store("one", "PAR1"))
    with pytest.raises(Refused, match="Nobody knows how far"):
        assign(orders, 2, make_store("somewhere", None))


def test_the_first_replica_has_to_be_at_home(orders: Database) -> None:
    with pytest.raises(Refused, match="Replica 1 is in OSU2, and orders-pg belongs to PAR1"):
        assign(orders, 1, make_store("away", "OSU2"))


def test_no_two_replicas_lie_in_one_store_nor_two_under_one_number(orders: Database) -> None:
    store = make_store("one", "PAR1")
    assign(orders, 1, store)
    with pytest.raises(Refused, match="already: two in one store are lost together"):
        assign(orders, 2, store)
    with pytest.raises(Refused, match="1, 2 and 3, and no 4"):
        assign(orders, 4, make_store("four", "MRS1"))
    for number in (1, 4):
        row = BackupReplica(database=orders, number=number, store=store, since=NOW, state_at=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            BackupReplica.objects.bulk_create([row])


def test_a_replica_that_moves_to_another_store_forgets_what_was_read(orders: Database) -> None:
    ground = make_ground(name="shop-pg")
    back_up(ground, upto=NOW)
    row = BackupReplica.objects.get(database__name="shop-pg", number=3)
    place("LIL1", 50.63, 3.06)
    moved = assign(row.database, 3, make_store("s3-lil1", "LIL1"), later(minutes=5))
    third = ground.facts("shop-pg").copy(3)
    assert third is not None
    assert (third.store, third.point, third.read_at) == ("s3-lil1", None, None)
    assert (moved.since, moved.state) == (later(minutes=5), "empty")


def test_credentials_are_sealed_in_their_row_and_redacted_in_the_log(orders: Database) -> None:
    secret = {"access_key": "tocsin", "secret_key": "correct-horse-battery"}
    store = actions.register_store(
        name="s3-par1",
        kind=StoreKind.S3,
        place=Datacenter.objects.get(name="PAR1"),
        address="http://127.0.0.1:8333",
        bucket="backups",
        credentials=secret,
        actor=BY,
        reason="test",
        now=NOW,
    )
    assert store.credentials == secret
    assert "correct-horse" not in Store.objects.get().sealed_secret
    entry = AuditEntry.objects.filter(object_type="store").latest("id")
    assert "correct-horse" not in str(entry.body)
    assert entry.body["after"]["sealed_secret"] == "redacted"


def test_describing_a_store_again_writes_only_what_differs_and_keeps_its_secret() -> None:
    make_fleet()
    first = make_store("one", "PAR1", secret_key="s")
    same = make_store("one", "PAR1")
    assert (same.pk, same.version, same.credentials) == (first.pk, 1, {"secret_key": "s"})
    assert make_store("one", "OSU2").version == 2
    with pytest.raises(Refused, match="has no address"):
        actions.register_store(
            name="two", kind=StoreKind.S3, place=None, address="", actor=BY, reason="t", now=NOW
        )
