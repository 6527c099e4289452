"""The sealer on real rows: dense, once, in order, whatever dies or runs beside it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import Error, connection, transaction

from recovery.alarms.models import Alarm
from recovery.audit import actions, queries
from recovery.audit.verify import verify_log
from recovery.core.clock import ManualClock
from recovery.core.errors import BadConfiguration, Refused
from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint
from recovery.core.tlog.tree import Frontier, verify_consistency, verify_inclusion
from recovery.sealer import run, watch
from recovery.sealer.keys import Memory, load_key, make_key, make_key_anew
from recovery.sealer.seal import Altered, Sealer
from tests.actions.audit.ground import KEY, sealed, sealer, write
from tests.support.databases import Database
from tests.support.fleet import NOW

pytestmark = pytest.mark.xdist_group("quiet")


@pytest.fixture
def rows(quiet_database: Database) -> Iterator[Database]:
    yield quiet_database
    connection.close()


def sql(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def assert_whole(leaves: int) -> None:
    """Dense, each entry once, and all of it under what was signed."""
    found = verify_log(keys=[KEY.verifier])
    assert found.findings == []
    assert (found.sealed, found.proven, found.unsealed) == (leaves, leaves, 0)
    assert sql("SELECT count(*), count(DISTINCT entry_id), max(index) FROM audit_leaf") == [
        (leaves, leaves, leaves - 1)
    ]


def test_entries_are_sealed_in_their_order_and_signed(rows: Database, tmp_path: Path) -> None:
    sealed(tmp_path, 3, 300, 700)
    total = queries.head().size
    assert total == sql("SELECT count(*) FROM audit_entry")[0][0]
    assert_whole(total)
    marks = queries.checkpoints()
    for mark in marks:
        assert open_checkpoint(mark.note, KEY.verifier).root == mark.root
    for older, newer in pairwise(marks):
        proof = queries.prove_consistency(older.size, newer.size)
        verify_consistency(older.size, newer.size, proof, older.root, newer.root)
    for index in (0, 255, 256, total - 1):
        proof = queries.prove_inclusion(index, total)
        leaf = queries.hashes_of(0, index, index + 1)[0]
        verify_inclusion(leaf, index, total, proof, marks[-1].root)


def test_checkpoints_come_every_ten_seconds_or_thousand_leaves(
    rows: Database, tmp_path: Path
) -> None:
    clock = ManualClock(NOW)
    mine = sealer(tmp_path, clock)
    base = sql("SELECT count(*) FROM audit_entry")[0][0]
    write(5)
    assert mine.round() == base + 5
    assert queries.newest_checkpoint() is None
    clock.advance(10)
    mine.round()
    assert [mark.size for mark in queries.checkpoints()] == [base + 5]
    clock.advance(60)
    mine.round()
    assert len(queries.checkpoints()) == 1, "nothing new, nothing signed"
    write(1000)
    mine.round()
    assert [mark.size for mark in queries.checkpoints()] == [base + 5, base + 1005]


def test_an_open_transaction_delays_what_came_after_it_and_rings(
    rows: Database, tmp_path: Path
) -> None:
    clock = ManualClock(NOW)
    mine = sealed(tmp_path, 2)
    base = mine.memory.size
    with psycopg.connect(rows.url) as other:
        other.execute(
            'SELECT audit_append(\'[{"object": {"type": "x", "id": "1", "version": 1}}]\')'
        )
        write(4)
        assert mine.round() == 0
        waits = queries.waiting()
        assert (waits.unsealed, waits.unsigned) == (4, 4)
        assert waits.blocker > 0
        found = verify_log(keys=[KEY.verifier])
        assert (found.findings, found.unsealed) == ([], 4)
        other.commit()
    assert mine.round() == 5
    mine.sign()
    order = sql("SELECT entry_id FROM audit_leaf ORDER BY index")
    assert order == sorted(order), "who began first is sealed first"
    assert_whole(base + 5)
    assert clock.now() == NOW


def test_a_rolled_back_transaction_leaves_no_gap(rows: Database, tmp_path: Path) -> None:
    mine = sealed(tmp_path, 1)
    with transaction.atomic():
        write(3)
        transaction.set_rollback(True)
    write(2)
    mine.round()
    mine.sign()
    assert_whole(mine.memory.size)


def test_of_two_sealers_one_seals_and_the_other_only_loses(rows: Database, tmp_path: Path) -> None:
    first, second = sealer(tmp_path, name="a"), sealer(tmp_path, name="b")
    assert first.take_lead()
    head = queries.head()
    write(3)
    assert second.take_lead()
    with_old_epoch = actions.seal_entries(
        epoch=head.epoch, at_size=0, entries=[1], leaves=[b"x" * 32], edge=Frontier(), nodes=[]
    )
    assert with_old_epoch is None
    assert first.round() == 0
    assert first.epoch == 0, "it stands by from now on"
    assert second.round() >= 3
    assert not first.sign()
    assert first.round() == 0, "as long as the other beats"
    second.sign()
    assert_whole(second.memory.size)


def test_a_standby_takes_over_from_one_that_stands_still(rows: Database, tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    gone, standby = sealer(tmp_path), sealer(tmp_path, clock, "two")
    gone.take_lead()
    write(2)
    assert standby.round() == 0
    clock.advance(1.9)
    assert standby.round() == 0
    clock.advance(0.2)
    assert standby.round() >= 2
    assert gone.round() == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ids: {"entries": ids[1:]},
        lambda ids: {"entries": ids[::-1]},
        lambda ids: {"entries": [*ids[:-1], ids[-1] + 1]},
        lambda ids: {"entries": [ids[0], *ids]},
        lambda ids: {"leaves": [b"x" * 32]},
        lambda ids: {"edge": Frontier()},
    ],
)
def test_postgresql_refuses_any_entries_but_the_next_ones(
    rows: Database, tmp_path: Path, spoil: Callable[[list[int]], dict[str, Any]]
) -> None:
    mine = sealed(tmp_path, 1)
    write(4)
    head = queries.head()
    ids = [row.id for row in queries.next_entries(head, 4)]
    leaves = [b"x" * 32] * len(ids)
    call: dict[str, Any] = {"entries": ids, "leaves": leaves, "nodes": []}
    call["edge"] = head.edge.extended(leaves)[0]
    call |= spoil(ids)
    with pytest.raises(Error, match="not the next entries"), transaction.atomic():
        actions.seal_entries(epoch=mine.epoch, at_size=head.size, **call)
    assert queries.head().size == head.size


COLUMN = {
    "head": "UPDATE {} SET size = 0",
    "leaf": "UPDATE {} SET hash = ''",
    "node": "UPDATE {} SET hash = ''",
    "key": "UPDATE {} SET vkey = ''",
    "checkpoint": "UPDATE {} SET note = ''",
    "cosignature": "UPDATE {} SET line = ''",
}


@pytest.mark.parametrize("table", COLUMN)
@pytest.mark.django_db
def test_the_application_writes_none_of_the_seal_itself(table: str) -> None:
    for statement in (
        "INSERT INTO {} DEFAULT VALUES",
        COLUMN[table],
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
    ):
        with pytest.raises(Error, match=r"permission denied|must be owner"), transaction.atomic():
            sql(statement.format(f"audit_{table}"))


# ------------------------------------------------------------------ killed at each line


class Killed(BaseException):
    """Nothing of the process runs after it."""


WATCHED = ("recovery/sealer/", "recovery/audit/actions", "recovery/audit/queries")


class Knife:
    """Kills at the first execution of the n-th distinct line."""

    def __init__(self, at: int) -> None:
        self.at, self.seen = at, dict[tuple[str, int], None]()
        self.dead = False

    def __call__(self, frame: FrameType, event: str, arg: object) -> Any:
        if not any(part in frame.f_code.co_filename for part in WATCHED):
            return None
        if event == "line":
            self.seen.setdefault((frame.f_code.co_filename, frame.f_lineno))
            if self.dead or len(self.seen) > self.at:
                self.dead = True
                raise Killed
        return self


def killed_at(line: int, work: Callable[[], object]) -> bool:
    """Whether there was such a line. Each statement is a transaction of its own."""
    knife = Knife(line)
    sys.settrace(knife)
    try:
        work()
    except Killed:
        pass
    finally:
        sys.settrace(None)
    return knife.dead


def test_killed_at_any_line_it_leaves_no_gap_and_no_second_leaf(
    rows: Database, tmp_path: Path
) -> None:
    line = 0
    while True:
        write(2 + line % 3)

        def life() -> None:
            mine: Sealer = sealer(tmp_path)
            mine.take_lead()
            mine.round()
            mine.sign()

        if not killed_at(line, life):
            break
        write(1)
        after = sealer(tmp_path, name="after")
        after.take_lead()
        after.round()
        after.sign()
        assert after.memory.size == queries.head().size
        newest = queries.newest_checkpoint()
        assert newest is not None
        assert newest.size == after.memory.size
        line += 1
    assert line > 80, "every line of a round was a place to die"
    assert_whole(queries.head().size)


# ------------------------------------------------------------------ the key and what it signed


def test_a_past_that_was_rewritten_is_not_signed_over(rows: Database, tmp_path: Path) -> None:
    mine = sealed(tmp_path, 4)
    with psycopg.connect(rows.superuser_url, autocommit=True) as superuser:
        for table in ("audit_leaf", "audit_head"):
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        superuser.execute("UPDATE audit_leaf SET hash = sha256('x') WHERE index = 2")
        kept = queries.hashes_of(0, 0, queries.head().size)
        forged = Frontier().extended(kept)[0]
        superuser.execute("UPDATE audit_head SET frontier = %s", [forged.to_bytes()])
    write(3)
    assert mine.round() == 3
    with pytest.raises(Altered, match="does not begin with"):
        mine.sign()
    watch.ring_altered(said="x", now=NOW)
    assert Alarm.objects.get(key=watch.ALTERED).severity == "page"


def test_a_log_that_was_cut_back_is_not_signed(rows: Database, tmp_path: Path) -> None:
    mine = sealed(tmp_path, 4, 4)
    restore_to_first_checkpoint(rows)
    again = sealer(tmp_path)
    with pytest.raises(Altered, match=f"{mine.memory.size} leaves were signed"):
        again.take_lead()


def test_what_was_signed_is_remembered_from_the_rows_where_its_file_is_gone(
    rows: Database, tmp_path: Path
) -> None:
    size = sealed(tmp_path, 4).memory.size
    (tmp_path / "signed").unlink()
    again = sealer(tmp_path)
    again.take_lead()
    assert again.memory.size == size
    assert Memory(tmp_path / "signed", KEY).size == size


@pytest.mark.django_db
def test_a_log_that_has_a_key_gets_no_second_one(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "audit-key"
    first = run.begin("one", path, "host.example", ManualClock(NOW))
    assert first.key.name.startswith("host.example/audit/")
    assert path.stat().st_mode & 0o777 == 0o600
    assert run.begin("one", path, "", ManualClock(NOW)).key == first.key
    first.take_lead()
    write(1)
    mark = Checkpoint(first.key.name, 0, Frontier().root)
    note = mark.signed(first.key)
    actions.publish_checkpoint(checkpoint=mark, note=note, key=str(first.key.verifier))
    path.unlink()
    with pytest.raises(Refused, match="is missing"):
        run.begin("one", path, "", ManualClock(NOW))


def test_a_key_that_others_may_read_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key(path, "")
    path.chmod(0o640)
    with pytest.raises(BadConfiguration, match="read by others"):
        load_key(path)
    path.chmod(0o600)
    path.write_text(path.read_text()[:-5])
    with pytest.raises(BadConfiguration):
        load_key(path)


def test_entries_that_wait_too_long_ring_with_their_cause_and_the_alarm_ends_by_itself(
    rows: Database, tmp_path: Path
) -> None:
    mine = sealed(tmp_path, 1)
    watch.watch_sealing(now=NOW)
    assert not Alarm.objects.exists()
    last = write(2)
    with psycopg.connect(rows.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_entry SET recorded_at = recorded_at - interval '41 s' WHERE id = %s",
            [last],
        )
    assert watch.watch_sealing(now=NOW).seconds > 40
    watch.watch_sealing(now=NOW)
    alarm = Alarm.objects.get(key=watch.LATE)
    assert (alarm.state, alarm.severity) == ("raised", "page")
    assert "2 entries are under no signed checkpoint; the oldest is 41 s old" in alarm.body
    assert "make status" in alarm.body
    mine.round()
    assert watch.watch_sealing(now=NOW).seconds > 40, "a leaf is not yet signed"
    mine.sign()
    watch.watch_sealing(now=NOW)
    assert Alarm.objects.get(key=watch.LATE).state == "ended"
    held = queries.Waiting(unsealed=2, unsigned=9, seconds=41.0, blocker=40.5)
    assert "A transaction has been open for 40 s" in watch.why_late(held)


def test_after_a_restore_a_new_log_is_begun_by_a_person_alone(
    rows: Database, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.TOCSIN_AUDIT_KEY_FILE = str(tmp_path / "audit-key")
    mine = run.begin("one", tmp_path / "audit-key", "", ManualClock(NOW))
    mine.take_lead()
    for _ in range(2):
        write(2)
        mine.round()
        mine.sign()
    restore_to_first_checkpoint(rows)
    again = run.begin("two", tmp_path / "audit-key", "", ManualClock(NOW))
    with pytest.raises(Altered, match="audit anew"):
        again.take_lead()
    watch.ring_altered(said="x", now=NOW)
    call_command("audit", "anew", "--reason", "restored from yesterday")
    assert Alarm.objects.get(key=watch.ALTERED).state == "ended"
    anew = run.begin("three", tmp_path / "audit-key", "", ManualClock(NOW))
    assert anew.key != mine.key
    assert f"log      {anew.key.verifier}" in capsys.readouterr().out
    assert load_key(tmp_path / f"audit-key.{mine.key.verifier.id.hex()}") == mine.key
    anew.take_lead()
    anew.round()
    anew.sign()
    found = verify_log()
    assert found.findings == []
    assert found.proven == queries.head().size
    assert verify_log(seen=[mine.memory.note]).first_wrong is not None, "what was lost is told"


class Ticking(ManualClock):
    """Time passes with each look at it."""

    def monotonic(self) -> float:
        self.advance(0.5)
        return super().monotonic()


def test_a_running_sealer_takes_a_new_key_and_stops_at_the_last_checkpoint(
    rows: Database, tmp_path: Path
) -> None:
    clock, stop = Ticking(NOW), threading.Event()
    key_file = tmp_path / "audit-key"
    keys: list[str] = []

    class Rounds:
        """In the place of the copies: it is called at the end of each round."""

        def keep_up(self) -> None:
            keys.append(queries.log_keys()[-1] if queries.log_keys() else "")
            clock.advance(11)
            if len(keys) == 3:
                make_key_anew(key_file, "")
            write(1)
            if len(keys) == 6:
                stop.set()

    run.run_sealer(
        name="one", key_file=key_file, host="", copies=Rounds(), clock=clock, stop=stop, every=0.0
    )
    assert len({key for key in keys if key}) == 2
    found = verify_log()
    assert (found.findings, found.unsealed) == ([], 1)
    assert found.proven == queries.head().size


def restore_to_first_checkpoint(rows: Database) -> None:
    """Its rows as they were then, of which the key's own memory knows better."""
    with psycopg.connect(rows.superuser_url, autocommit=True) as superuser:
        for table in ("audit_entry", "audit_leaf", "audit_checkpoint", "audit_head"):
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        size = queries.checkpoints()[0].size
        kept = Frontier().extended(queries.hashes_of(0, 0, size))[0]
        superuser.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])
        superuser.execute(
            "DELETE FROM audit_entry WHERE id IN"
            " (SELECT entry_id FROM audit_leaf WHERE index >= %s)",
            [size],
        )
        superuser.execute("DELETE FROM audit_leaf WHERE index >= %s", [size])
        superuser.execute(
            "UPDATE audit_head SET size = %s, frontier = %s, entry = e.id, xid = e.xid"
            " FROM audit_entry e WHERE e.id ="
            " (SELECT entry_id FROM audit_leaf ORDER BY index DESC LIMIT 1)",
            [size, kept.to_bytes()],
        )
