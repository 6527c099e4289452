"""The key, what it signed, and who is rung when the rows say otherwise."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from structlog.testing import capture_logs

from recovery.alarms.models import Alarm
from recovery.audit import actions, queries
from recovery.audit.verify import verify_log
from recovery.core.clock import ManualClock
from recovery.core.errors import BadConfiguration, Refused
from recovery.core.tlog.checkpoints import Checkpoint
from recovery.core.tlog.tree import Frontier
from recovery.sealer import run, watch
from recovery.sealer.copies import Aside
from recovery.sealer.keys import Memory, load_key, make_key, make_key_anew
from recovery.sealer.seal import Altered
from tests.actions.audit.ground import KEY, sealed, sealer, write
from tests.support.databases import Database, django_on
from tests.support.fleet import NOW


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


@pytest.mark.usefixtures("rows")
def test_a_sealer_that_slept_writes_nothing_over_what_another_has_signed_since(
    tmp_path: Path,
) -> None:
    slept = sealed(tmp_path, 4)
    other = Memory(tmp_path / "signed", KEY)
    newer = Checkpoint(KEY.name, 99, Frontier().root).signed(KEY)
    assert other.keep(newer)
    write(2)
    slept.round()
    assert not slept.sign()
    assert Memory(tmp_path / "signed", KEY).note == newer
    with pytest.raises(Altered, match="99 were signed"):
        slept.sign()


@pytest.mark.usefixtures("rows")
def test_a_round_that_fails_as_no_one_foresaw_ends_no_sealer(tmp_path: Path) -> None:
    stop, rounds = threading.Event(), []

    class Broken:
        """In the place of the copies: its first round fails."""

        def keep_up(self) -> None:
            rounds.append(1)
            if len(rounds) == 1:
                raise KeyError("gone")
            stop.set()

    clock = Ticking(NOW)
    run.run_sealer(
        name="one",
        key_file=tmp_path / "audit-key",
        host="",
        copies=Broken(),
        clock=clock,
        stop=stop,
        every=0.01,
    )
    assert len(rounds) == 2


def test_copies_that_fail_as_no_one_foresaw_are_told() -> None:
    class Broken:
        def keep_up(self) -> None:
            raise KeyError("gone")

    aside = Aside(Broken())
    with capture_logs() as told:
        aside.keep_up()
        while not aside.is_idle:
            time.sleep(0.01)
    assert [(line["event"], line["log_level"]) for line in told] == [
        ("no copies of the log", "error")
    ]


@pytest.mark.usefixtures("rows")
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


def test_a_sealer_that_was_not_given_its_own_role_rings(rows: Database, tmp_path: Path) -> None:
    """It has the application's way into the database, and PostgreSQL lets it seal nothing."""
    last = write(2)
    with psycopg.connect(rows.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_entry SET recorded_at = recorded_at - interval '41 s' WHERE id = %s",
            [last],
        )

    class Stop(threading.Event):
        rounds = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.rounds += 1
            return self.rounds > 30

    class Never:
        """In the place of the copies: no round gets so far."""

        def keep_up(self) -> None:
            raise AssertionError

    with django_on(rows):
        run.run_sealer(
            name="one",
            key_file=tmp_path / "audit-key",
            host="",
            copies=Never(),
            clock=Ticking(NOW),
            stop=Stop(),
        )
    assert Alarm.objects.get(key=watch.LATE).state == "raised"
    assert queries.head().size == 0


def restore_to_first_checkpoint(rows: Database) -> None:
    """Its rows as they were then, of which the key's own memory knows better."""
    with psycopg.connect(rows.superuser_url, autocommit=True) as superuser:
        for table in ("audit_entry", "audit_leaf", "audit_checkpoint", "audit_head"):
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        size = queries.checkpoints()[0].size
        kept = Frontier().extended(queries.hashes_of(0, 0, size))[0]
        superuser.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])
        superuser.execute(
            "DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM audit_leaf WHERE index>=%s)",
            [size],
        )
        superuser.execute("DELETE FROM audit_leaf WHERE index >= %s", [size])
        superuser.execute(
            "UPDATE audit_head SET size = %s, frontier = %s, entry = e.id, xid = e.xid"
            " FROM audit_entry e WHERE e.id = (SELECT max(entry_id) FROM audit_leaf)",
            [size, kept.to_bytes()],
        )
