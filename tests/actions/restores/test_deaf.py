"""A host that is heard, and takes no orders: rows as a restore and scheduling read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.inventory.actions import remember_host
from recovery.inventory.models import Host
from recovery.restores import queries
from recovery.scheduling.queries import snapshot_of
from tests.actions.restores.ground import Ground, make_ground
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground() -> Ground:
    return make_ground()


def told(deaf: Host, since: timedelta) -> None:
    """All agents' sessions report; this one's did last so long ago."""
    for host in Host.objects.exclude(pk=deaf.pk):
        remember_host(host=host.pk, now=NOW, desired_version=7)
    remember_host(host=deaf.pk, now=NOW - since, desired_version=7)


def test_what_was_agreed_to_waits_for_it_says_so_and_ends(ground: Ground) -> None:
    ground.ask()
    ground.give()
    told(ground.other, timedelta(seconds=100))
    assert ground.carry_on() == "place"
    waits = queries.facts_of(ground.restore, now=NOW)
    assert waits.deaf_for == 100
    told(ground.other, timedelta(seconds=130))
    assert ground.carry_on() == "abandoned"
    assert "par1-r2-h1 takes no orders" in ground.restore.end_reason
    told(ground.other, timedelta(seconds=30))
    assert queries.facts_of(ground.restore, now=NOW).deaf_since is None


def test_nothing_new_is_sent_there(ground: Ground) -> None:
    told(ground.other, timedelta(seconds=100))
    place = queries.place_for(ground.database)
    assert place.host is not None
    assert place.host.name != "par1-r2-h1"
    assert any(why.startswith("par1-r2-h1 takes no orders") for why in place.why_not)
    deaf = [host.name for host in snapshot_of([], NOW).hosts if host.deaf]
    assert deaf == ["par1-r2-h1"]
