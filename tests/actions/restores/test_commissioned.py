"""A restore that a recovery plan begins: both words at once, and where it may go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.backups.models import BackupReplica
from recovery.core.errors import Refused
from recovery.failover.models import Vouch
from recovery.inventory.facts import Durability, Plan, Profile, Role
from recovery.inventory.models import Database, Host
from recovery.restores import actions, queries
from recovery.restores.actions import Words
from recovery.restores.models import Restore
from tests.actions.failover.fleet import copy, describe
from tests.actions.restores.ground import POINT, Ground, make_ground, see
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db


def commission(ground: Ground, **changes: object) -> Restore:
    source = BackupReplica.objects.get(number=2)
    fields: dict[str, object] = {
        "database": ground.database,
        "source": str(source.pk),
        "site": "OSU2",
        "words": Words("amelie", "bruno", POINT),
        "actor": ground.actor,
        "reason": "DRP-0001",
        "now": NOW,
    }
    return actions.commission_restore(**(fields | changes))  # type: ignore[arg-type]


def test_both_words_stand_in_one_row_by_name() -> None:
    row = commission(make_ground())
    assert (row.phase, row.quoted) == ("choose", POINT)
    assert row.host.datacenter.name == "OSU2"
    vouch = row.vouch
    assert (vouch.requested_by, vouch.given_by, vouch.state) == ("amelie", "bruno", "used")


def test_one_person_gives_both_words_to_nobody() -> None:
    ground = make_ground()
    with pytest.raises(Refused, match="somebody else's"):
        commission(ground, words=Words("amelie", "amelie", POINT))
    assert not Restore.objects.exists()
    assert not Vouch.objects.exists(), "all of it or nothing"


def test_what_loses_more_than_was_quoted_is_not_begun() -> None:
    ground = make_ground()
    see({2: POINT - timedelta(seconds=6)})
    with pytest.raises(Refused, match="less than what was agreed to"):
        commission(ground)
    see({2: POINT - timedelta(seconds=4)})
    assert commission(ground).quoted == POINT, "two readings of one archive"


def test_many_that_begin_at_once_are_spread_over_the_hosts_of_the_datacenter() -> None:
    ground = make_ground()
    other = describe(
        "other",
        plan=Plan.STARTER,
        durability=Durability.ASYNCHRONOUS,
        profile=Profile.STANDARD,
        port=15999,
    )
    copy(other, Host.objects.get(name="par1-r2-h1"), 1, Role.PRIMARY)
    other = Database.objects.get(name="other")
    first = queries.place_in(other, "OSU2").host
    taken = commission(ground).host
    second = queries.place_in(other, "OSU2").host
    assert first is not None
    assert second is not None
    assert first.name == taken.name
    assert second.name != taken.name


def test_a_port_that_a_restore_under_way_will_take_is_taken() -> None:
    ground = make_ground()
    taken = commission(ground).host
    twin = describe(
        "twin",
        plan=Plan.STARTER,
        durability=Durability.ASYNCHRONOUS,
        profile=Profile.STANDARD,
        port=ground.database.port,
    )
    place = queries.place_in(twin, "OSU2")
    assert any(f"{taken.name} has its port taken by notes" in why for why in place.why_not)


def test_only_the_datacenter_that_takes_over_is_asked() -> None:
    place = queries.place_in(make_ground().database, "MRS1")
    assert place.host is not None
    assert place.host.site == "MRS1"
