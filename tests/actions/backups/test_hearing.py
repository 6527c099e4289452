"""What an agent says of its archives stands beside what is read there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec
import pytest

from recovery.backups import actions
from recovery.backups.models import ArchiverSight, JobSight
from recovery.backups.screens import backups_of
from recovery.core.wire.backups import BackupFact, StoreFact
from recovery.inventory.models import Replica
from tests.actions.backups.ground import back_up, later, make_ground
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db


def say(now: datetime, **more: object) -> None:
    """Its agent streams, and its two stores miss nothing, unless said otherwise."""
    row = Replica.objects.get(database__name="orders-pg")
    fact = BackupFact(
        replica=str(row.pk),
        database="orders-pg",
        state="streaming",
        spool_bytes=4096,
        stores=(
            StoreFact(name="s3-par1", place="bucket"),
            StoreFact(name="s3-osu2", place="bucket", missing=3),
        ),
    )
    actions.hear_archivers(host=row.host_id, facts=[msgspec.structs.replace(fact, **more)], now=now)


def jobs() -> dict[str, datetime]:
    return dict(JobSight.objects.values_list("replica__store__name", "ok_at"))


def test_a_store_to_which_nothing_is_missing_is_an_ok_of_its_job() -> None:
    make_ground()
    say(NOW)
    assert jobs() == {"s3-par1": NOW}


@pytest.mark.parametrize("more", [{"state": "waiting"}, {"trouble": "no slot"}, {"stores": ()}])
def test_an_agent_in_trouble_says_no_ok(more: dict[str, object]) -> None:
    make_ground()
    say(NOW, **more)
    assert jobs() == {}
    assert ArchiverSight.objects.get().trouble == more.get("trouble", "")


def test_a_word_about_another_hosts_database_has_no_effect() -> None:
    ground = make_ground()
    other = Replica.objects.get().host.datacenter.hosts.exclude(replicas__isnull=False).first()
    assert other is not None
    fact = BackupFact(
        replica=str(Replica.objects.get().pk), database="orders-pg", state="streaming"
    )
    actions.hear_archivers(host=other.pk, facts=[fact], now=NOW)
    assert not ArchiverSight.objects.exists()
    assert ground.facts().copy(1) is not None


def test_the_same_word_is_written_each_five_seconds_and_a_new_one_at_once() -> None:
    make_ground()
    say(NOW)
    say(later(seconds=1))
    assert ArchiverSight.objects.get().at == NOW
    say(later(seconds=2), trouble="the server is away")
    assert ArchiverSight.objects.get().at == later(seconds=2)
    say(later(seconds=7), trouble="the server is away")
    assert ArchiverSight.objects.get().at == later(seconds=7)


def test_the_progress_of_a_base_backup_is_shown() -> None:
    make_ground()
    say(NOW, done=43, total=100)
    found = backups_of("orders-pg")
    assert found is not None
    assert found.archiver is not None
    assert (found.archiver.percent, found.archiver.state) == (43, "streaming")
    say(later(seconds=6))
    after = backups_of("orders-pg")
    assert after is not None
    assert after.archiver == replace(found.archiver, at=later(seconds=6), percent=None)


def test_an_ok_never_makes_a_point_younger() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.look(NOW)
    say(later(minutes=24))
    ground.look(later(minutes=24))
    assert ground.state(1) == "page"
