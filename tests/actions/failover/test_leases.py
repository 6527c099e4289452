"""A lease arbitrates: a number that moved saves its holder, a withdrawn one proves nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from recovery.core.errors import Conflict
from recovery.failover.actions import leases
from recovery.failover.actions.leases import Renewed
from recovery.failover.models import Lease
from recovery.inventory.models import Database, Epoch
from tests.actions.failover.fleet import Pair, make_pair
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> Pair:
    made = make_pair()
    grant(made)
    return made


def grant(pair: Pair) -> None:
    row = Database.objects.get(pk=pair.database.pk)
    leases.grant_lease(database=row, replica=pair.primary, actor=BY, reason="test", now=NOW)


def renew(pair: Pair, *, epoch: int = 1, sequence: int = 7) -> int:
    """How many rows granted it."""
    renewed = Renewed(
        replica=pair.primary.pk,
        host=pair.primary.host_id,
        epoch=epoch,
        incarnation=1,
        sequence=sequence,
        echo=0,
        position=0,
    )
    return len(leases.renew_leases(renewals=[renewed]))


def test_a_renewal_after_the_decider_looked_saves_the_primary(pair: Pair) -> None:
    renew(pair, sequence=7)
    renew(pair, sequence=8)
    with pytest.raises(Conflict, match="renewed meanwhile"), transaction.atomic():
        leases.revoke_lease(
            database=pair.database, seen=(1, 1, 7), actor=BY, reason="test", now=NOW
        )
    assert not Lease.objects.get().revoked


def test_a_withdrawn_lease_has_no_number_whose_end_could_prove_anything(pair: Pair) -> None:
    renew(pair)
    leases.withdraw_lease(database=pair.database, actor=BY, reason="test", now=NOW)
    row = Lease.objects.get()
    assert (row.revoked, row.sequence) == (True, 0)
    assert renew(pair, sequence=9) == 0


def test_a_late_renewal_of_a_withdrawn_lease_does_not_renew_the_next_one(pair: Pair) -> None:
    renew(pair)
    leases.withdraw_lease(database=pair.database, actor=BY, reason="test", now=NOW)
    grant(pair)
    assert renew(pair, epoch=1, sequence=9) == 0
    assert renew(pair, epoch=2, sequence=1) == 1
    database = Database.objects.get(pk=pair.database.pk)
    assert (database.epoch, database.routed_epoch) == (2, 2)
    assert Epoch.objects.filter(database=database).count() == 2
