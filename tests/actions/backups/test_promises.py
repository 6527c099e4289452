"""States and alarms follow what was read, and the time that has passed since."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from recovery.alarms.models import Alarm
from recovery.audit.models import AuditEntry
from recovery.backups import actions
from recovery.backups.cycle import ACTOR, judge_promises
from recovery.backups.models import BackupReplica, Proof
from recovery.backups.queries import database_facts, tickets
from recovery.core.errors import Refused
from recovery.core.ports.stores import StoreAway
from tests.actions.backups.ground import back_up, later, make_ground, make_store
from tests.actions.failover.fleet import describe
from tests.support.archives import write_wal
from tests.support.fleet import NOW, make_fleet

pytestmark = pytest.mark.django_db


def ringing() -> dict[str, str]:
    """Severity of each unended alarm, by the last word of its key."""
    rows = Alarm.objects.exclude(state="ended")
    return {row.key.rpartition(":")[2]: row.severity for row in rows}


def test_while_no_store_is_configured_nothing_rings() -> None:
    make_fleet()
    describe("orders-pg")
    assert judge_promises(now=NOW) == 0
    assert ringing() == {}


def test_a_store_without_a_replica_rings_for_nobody_either() -> None:
    make_fleet()
    describe("orders-pg")
    make_store("one", "PAR1")
    judge_promises(now=NOW)
    assert ringing() == {}


def test_a_database_that_keeps_its_promises_is_fresh_and_silent() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    assert ground.look(later(seconds=4)) == 3
    assert [ground.state(n) for n in (1, 2, 3)] == ["fresh"] * 3
    assert ringing() == {}
    assert ground.look(later(seconds=24)) == 0, "nothing changed: no entry is written"


def test_an_archive_that_stands_still_warns_pages_and_ends_when_it_goes_on() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.look(NOW)
    ground.look(later(minutes=15))
    assert (ground.state(2), ringing()) == ("warn", {"ageing": "notice"})
    ground.look(later(minutes=24))
    assert ground.state(1) == ground.state(2) == "page"
    assert ringing() == {"late": "page"}
    assert Alarm.objects.filter(key__endswith=":late").count() == 2
    for site in ("par1", "osu2"):
        store = ground.stores[f"s3-{site}"]
        upto = later(minutes=25)
        write_wal(store, "orders-pg", upto=upto, begin="0/2000200", end="0/2000300")
    ground.look(later(minutes=25, seconds=5))
    assert (ground.state(1), ground.state(2)) == ("fresh", "fresh")
    assert ringing() == {}


def test_each_change_of_a_state_is_in_the_log_with_its_reason() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.look(NOW)
    ground.look(later(minutes=16))
    entry = AuditEntry.objects.filter(object_type="backup replica").latest("id")
    assert (entry.body["actor"]["id"], entry.body["action"]) == ("backups", "warn")
    assert "of 30 min promised" in entry.body["after"]["state_reason"]


def test_nobody_changes_a_promise_past_the_log() -> None:
    make_ground()
    with pytest.raises(Exception, match="audit"), transaction.atomic(), connection.cursor() as c:
        c.execute("UPDATE backups_backupreplica SET state = 'fresh', version = version + 1")


def test_an_unread_store_is_one_alarm_its_points_grow_old_and_it_ends_when_read() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.look(NOW)
    ground.stores["s3-osu2"].error = StoreAway("s3-osu2 does not answer.")
    ground.look(later(seconds=61))
    assert ground.state(2) == "unread"
    alarm = Alarm.objects.get(key="store:s3-osu2:unread")
    assert "Not read since" in alarm.body
    assert "s3-osu2 does not answer." in alarm.body
    ground.look(later(minutes=24))
    assert ground.state(2) == "page"
    assert Alarm.objects.get(key="store:s3-osu2:late").severity == "page"
    ground.stores["s3-osu2"].error = None
    for site in ("par1", "osu2"):
        store = ground.stores[f"s3-{site}"]
        upto = later(minutes=25)
        write_wal(store, "orders-pg", upto=upto, begin="0/2000200", end="0/2000300")
    ground.look(later(minutes=25))
    assert ground.state(2) == "fresh"
    assert ringing() == {}


def test_a_job_that_says_ok_over_a_frozen_archive_rings_within_a_minute_of_the_threshold() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    replica = BackupReplica.objects.get(number=1)
    for minute in range(6):
        actions.note_jobs(words={replica.pk: (later(minutes=minute), "ok")})
        ground.look(later(minutes=minute, seconds=5))
        assert "frozen" not in ringing()
    actions.note_jobs(words={replica.pk: (later(minutes=5, seconds=40), "ok")})
    ground.look(later(minutes=5, seconds=45))
    assert ringing()["frozen"] == "page"


def test_a_site_that_turns_out_to_be_elsewhere_breaks_the_distance_and_is_told_of() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.look(NOW)
    make_store("s3-osu2", "PAR1")
    ground.look(later(seconds=20))
    alarm = Alarm.objects.get(key__endswith=":distance")
    assert "Replicas 1 (PAR1) and 2 (PAR1) are 0.00 km apart" in alarm.body


def test_a_proof_is_a_row_before_it_is_an_act_and_ends_once() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    ground.look(NOW)
    replica = BackupReplica.objects.get(number=2)
    assert len(tickets()) == 3
    proof = actions.begin_proof(replica=replica, why="Drawn.", actor=ACTOR, now=NOW)
    assert {one.key for one in tickets()}.isdisjoint({str(replica.pk)})
    with pytest.raises(Refused, match="runs already"):
        actions.begin_proof(replica=replica, why="Again.", actor=ACTOR, now=NOW)
    done = actions.pass_proof(
        proof=proof,
        recoverable_to=later(seconds=-3),
        bytes_restored=10_000_000,
        seconds=2.5,
        said="Canary 4711 read back.",
        actor=ACTOR,
        now=later(minutes=1),
    )
    assert done.state == "passed"
    second = ground.facts().copy(2)
    assert second is not None
    assert second.proven_at == later(minutes=1)


def test_a_failed_proof_rings_until_one_passes() -> None:
    ground = make_ground()
    back_up(ground, upto=NOW)
    replica = BackupReplica.objects.get(number=2)
    first = actions.begin_proof(replica=replica, why="Drawn.", actor=ACTOR, now=NOW)
    said = "part-00001 was altered."
    actions.fail_proof(proof=first, said=said, actor=ACTOR, now=later(seconds=5))
    ground.look(later(seconds=6))
    assert ringing() == {"disproved": "page"}
    second = actions.begin_proof(replica=replica, why="Again.", actor=ACTOR, now=later(seconds=7))
    actions.pass_proof(
        proof=second,
        recoverable_to=NOW,
        bytes_restored=1,
        seconds=1.0,
        said="Read back.",
        actor=ACTOR,
        now=later(seconds=9),
    )
    ground.look(later(seconds=10))
    assert ringing() == {}


def test_a_passed_proof_without_what_it_read_back_is_refused_by_the_database() -> None:
    make_ground()
    replica = BackupReplica.objects.get(number=2)
    row = Proof(replica=replica, state="passed", why="x", begun_at=NOW, ended_at=NOW)
    with pytest.raises(IntegrityError, match="a_proof_read_something_back"), transaction.atomic():
        Proof.objects.bulk_create([row])


def test_where_a_database_is_written_now_decides_whose_loss_takes_it() -> None:
    ground = make_ground()
    (facts,) = database_facts()
    assert (facts.primary, facts.home.name, facts.standbys) == ("PAR1", "PAR1", ())
    assert ground.facts().copy(2) is not None
