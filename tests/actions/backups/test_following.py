"""Between two whole looks the log is followed, a question a piece."""

from __future__ import annotations

import pytest

from recovery.backups import actions
from recovery.backups.cycle import follow_archives
from recovery.backups.facts import Point
from recovery.backups.models import ArchiveSight, BackupReplica
from recovery.backups.queries import database_facts
from recovery.backups.reading import Look, Step
from recovery.core.ports.stores import StoreAway
from tests.actions.backups.ground import Ground, back_up, later, make_ground, snap
from tests.support.archives import write_base, write_wal
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db


def sight(number: int = 1) -> ArchiveSight:
    return ArchiveSight.objects.get(replica__number=number)


def point() -> Point:
    """Of replica 1, as whoever chooses a moment has it."""
    (found,) = [one for one in database_facts() if one.name == "orders-pg"]
    (first,) = [copy.point for copy in found.copies if copy.number == 1]
    assert first is not None
    return first


@pytest.fixture
def ground() -> Ground:
    made = make_ground()
    back_up(made, upto=NOW)
    made.read(NOW)
    return made


def follow(ground: Ground, seconds: float) -> int:
    return follow_archives(opened=ground.stores.open, now=later(seconds=seconds))


def go_on(ground: Ground, seconds: float, begin: str, end: str, site: str = "par1") -> str:
    store = ground.stores[f"s3-{site}"]
    return write_wal(store, "orders-pg", upto=later(seconds=seconds), begin=begin, end=end)


def test_a_log_is_followed_over_pieces_and_marks_as_far_as_a_whole_look_would(
    ground: Ground,
) -> None:
    go_on(ground, 5, "0/2000200", "0/2000300")
    go_on(ground, 10, "0/2000300", "0/2000700")
    go_on(ground, 70, "0/2000700", "0/2000700")
    assert follow(ground, 72) == 1
    followed = sight()
    assert (followed.moment, followed.lsn) == (later(seconds=70), "0/2000700")
    assert followed.seen_at == followed.followed_at == later(seconds=72)
    assert followed.read_at == NOW, "it was not read as a whole"
    ground.read(later(seconds=80))
    whole = sight()
    assert (whole.moment, whole.lsn, whole.tail) == (
        followed.moment,
        followed.lsn,
        followed.tail,
    )


def test_a_log_that_did_not_go_on_is_not_written(ground: Ground) -> None:
    go_on(ground, 5, "0/2000200", "0/2000200")
    assert follow(ground, 6) == 1
    assert follow(ground, 10) == 0
    assert sight().followed_at == later(seconds=6)


def test_nothing_is_followed_over_a_gap(ground: Ground) -> None:
    go_on(ground, 10, "0/2000300", "0/2000700")
    assert follow(ground, 12) == 0
    assert sight().moment == NOW


def test_a_whole_look_that_began_before_does_not_set_the_point_back(ground: Ground) -> None:
    """It takes seconds; meanwhile the log was followed further than its listing goes."""
    listed = dict(ground.stores["s3-par1"].held)
    go_on(ground, 10, "0/2000200", "0/2000700")
    follow(ground, 12)
    now, ground.stores["s3-par1"].held = ground.stores["s3-par1"].held, listed
    ground.read(later(seconds=9))
    assert sight().moment == later(seconds=10)
    assert sight().read_at == later(seconds=9)
    ground.stores["s3-par1"].held = now


def test_a_gap_that_a_whole_look_finds_wins_over_what_was_followed(ground: Ground) -> None:
    lost = go_on(ground, 10, "0/2000200", "0/2000700")
    go_on(ground, 15, "0/2000700", "0/2000900")
    follow(ground, 16)
    del ground.stores["s3-par1"].held[lost]
    ground.read(later(seconds=14))
    assert sight().moment == NOW
    assert sight().is_cut
    assert follow(ground, 20) == 0


def test_a_step_from_a_tail_that_was_replaced_meanwhile_is_left_out(ground: Ground) -> None:
    go_on(ground, 10, "0/2000200", "0/2000700")
    old = ArchiveSight.objects.get(replica__number=1).tail
    ground.read(later(seconds=11))
    step = Step(sight().replica_id, later(seconds=12), old, f"{old}x", "0/9", later(hours=1))
    assert actions.follow_archives([step]) == 0
    assert sight().moment == later(seconds=10)


def test_a_store_that_cannot_be_asked_leaves_the_point_and_tells_nothing(ground: Ground) -> None:
    ground.stores["s3-par1"].error = StoreAway("s3-par1 does not answer.")
    go_on(ground, 10, "0/2000200", "0/2000700", "osu2")
    assert follow(ground, 12) == 1
    assert (sight(1).moment, sight(1).error) == (NOW, "")
    assert sight(2).moment == later(seconds=10)


def test_a_daily_archive_has_no_log_to_follow() -> None:
    ground = make_ground(engine="valkey", name="cache")
    snap(ground, later(hours=-1), "par1")
    ground.read(NOW)
    assert follow(ground, 4) == 0
    assert ArchiveSight.objects.get(replica__number=1).tail == ""


def test_who_could_not_be_read_is_not_asked_again_before_the_next_whole_look(
    ground: Ground,
) -> None:
    """A store that hangs costs each question its patience, and a worker with it."""
    row = BackupReplica.objects.get(database__name="orders-pg", number=1)
    actions.see_archives([Look(row.pk, later(seconds=3), None, "No answer within 15 s.")])
    go_on(ground, 5, "0/2000200", "0/2000300")
    assert follow(ground, 6) == 0
    ground.read(later(seconds=8))
    go_on(ground, 10, "0/2000300", "0/2000700")
    assert follow(ground, 12) == 1


def test_moments_can_be_asked_for_as_soon_as_a_new_bases_log_is_followed() -> None:
    """And not from the next whole look on alone."""
    made = make_ground()
    write_base(made.stores["s3-par1"], "orders-pg", NOW)
    go_on(made, -10, "0/2000000", "0/2000200")
    made.read(later(seconds=1))
    assert point().opens is None, "its log has not come to its end: its own moment alone"
    go_on(made, 5, "0/2000200", "0/2000300")
    assert follow(made, 6) == 1
    assert (point().opens, point().moment) == (NOW, later(seconds=5))
