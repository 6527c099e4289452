"""What PostgreSQL's own superuser does to the sealed log is found, and where."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from dashboard.management.commands.audit import said
from recovery.adapters.backups.directory import DirectoryStore
from recovery.audit import actions, offline, queries
from recovery.audit.bundle import prove, write_bundle
from recovery.audit.leaves import leaf_data
from recovery.audit.verify import Verified, verify_log
from recovery.core.clock import ManualClock
from recovery.core.ports import ObjectInfo, StoreAway
from recovery.core.tlog.notes import VerifierKey
from recovery.core.tlog.tree import Frontier, leaf_hash
from recovery.sealer.copies import PREFIX, Aside, Copies, checkpoint_name, tile_name
from recovery.sealer.keys import Memory, memory_of
from recovery.sealer.stores import copy_stores, kept_notes, own_folder
from tests.actions.audit.ground import KEY, sealed, write
from tests.decisions.tlog.worlds import WITNESS_KEY, cosigned
from tests.support.databases import Database, cloned, django_on, quiet_cluster
from tests.support.fleet import NOW

TABLES = ("entry", "head", "leaf", "node", "key", "checkpoint", "cosignature")
PINNED = {WITNESS_KEY.name: WITNESS_KEY}


@pytest.fixture(scope="module")
def log(
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    django_db_blocker: Any,
    django_db_setup: None,
) -> Iterator[Database]:
    """A log of some 330 leaves under five checkpoints, cosigned; the connection is a superuser's,
    and each test's changes are rolled back."""
    with (
        cloned(quiet_cluster(worker_id), "tocsin_tampered") as database,
        django_db_blocker.unblock(),
    ):
        with django_on(database):
            sealed(tmp_path_factory.mktemp("log"), 7, 20, 263, 20, 18)
            cosign_newest()
            write(3)
        superuser = cast(Database, SimpleNamespace(url=database.superuser_url))
        with django_on(superuser):
            yield database


def cosign_newest() -> None:
    newest = queries.newest_checkpoint()
    assert newest is not None
    line = cosigned(newest.note).removeprefix(newest.note)
    name = WITNESS_KEY.name
    actions.add_cosignature(size=newest.size, witness=name, key=str(WITNESS_KEY), line=line)


@contextmanager
def as_superuser() -> Iterator[None]:
    """Whatever is done inside is undone afterwards."""
    with transaction.atomic():
        for table in TABLES:
            do(f"ALTER TABLE audit_{table} DISABLE TRIGGER ALL")
        yield
        transaction.set_rollback(True)


def do(statement: str, *values: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, cast(Any, values) or None)
        return list(cursor.fetchall()) if cursor.description else []


def found() -> Verified:
    return verify_log(keys=[KEY.verifier], witnesses=PINNED)


def entry_of(leaf: int) -> int:
    return int(do("SELECT entry_id FROM audit_leaf WHERE index = %s", leaf)[0][0])


def test_an_untouched_log_is_whole(log: Database) -> None:
    report = found()
    assert report.findings == []
    assert report.proven == report.sealed == queries.head().size
    assert (report.unsealed, report.checkpoints) == (3, 5)
    assert report.witnesses == {WITNESS_KEY.name: report.sealed}


BODY = "UPDATE audit_entry SET body = jsonb_set(body, '{reason}', '\"nothing\"') WHERE id = %s"
ROW = (
    BODY,
    "UPDATE audit_entry SET body = body || '{\"x\": 1}' WHERE id = %s",
    "UPDATE audit_entry SET recorded_at = recorded_at + interval '1 microsecond' WHERE id = %s",
    "UPDATE audit_entry SET object_id = object_id || ' ' WHERE id = %s",
    "UPDATE audit_entry SET object_version = object_version + 1 WHERE id = %s",
    "UPDATE audit_entry SET xid = '3' WHERE id = %s",
    "DELETE FROM audit_entry WHERE id = %s",
)


@pytest.mark.parametrize("statement", ROW)
def test_a_changed_or_removed_row_is_found_and_named(log: Database, statement: str) -> None:
    random, size = Random(statement), queries.head().size
    for _ in range(8):
        leaf = random.randrange(size)
        with as_superuser():
            do(statement, entry_of(leaf))
            report = found()
        assert report.first_wrong == leaf
        assert not report.is_whole


def test_what_was_not_looked_at_is_counted_neither_as_right_nor_as_wrong(log: Database) -> None:
    size = queries.head().size
    with as_superuser():
        do("DELETE FROM audit_entry WHERE id = %s", entry_of(295))
        do(BODY, entry_of(300))
        report = found()
    assert [one.said for one in report.findings] == ["The entry of leaf 295 was removed."]
    assert (report.proven, report.stopped, report.sealed) == (290, 295, size)
    assert said(report).startswith(
        f"Stopped at leaf 295 of {size} sealed entries: the first 290, up to the last checkpoint"
        " before it, are proven; what comes after it was not looked at."
    )
    assert said(found()).startswith(f"{size} of {size} sealed entries are as they were signed")


def test_a_log_that_was_sealed_on_is_whole_before_its_next_checkpoint(
    log: Database, capsys: pytest.CaptureFixture[str], settings: Any, tmp_path: Path
) -> None:
    settings.TOCSIN_AUDIT_FOLDER = str(tmp_path)
    settings.TOCSIN_AUDIT_KEY_FILE = str(tmp_path / "audit-key")
    size = queries.head().size
    with as_superuser():
        do("DELETE FROM audit_cosignature")
        do("DELETE FROM audit_checkpoint WHERE size = %s", size)
        call_command("audit", "verify", "--key", str(KEY.verifier))
    told = capsys.readouterr().out
    assert "WRONG" not in told
    assert "more are sealed and wait for their signature: nothing is wrong" in told


def test_two_rows_that_changed_places_are_found(log: Database) -> None:
    random, size = Random(1), queries.head().size
    for _ in range(8):
        a, b = sorted(random.sample(range(size), 2))
        with as_superuser():
            mine, other = entry_of(a), entry_of(b)
            do("UPDATE audit_leaf SET entry_id = -1 WHERE index = %s", a)
            do("UPDATE audit_leaf SET entry_id = %s WHERE index = %s", mine, b)
            do("UPDATE audit_leaf SET entry_id = %s WHERE index = %s", other, a)
            report = found()
        assert report.first_wrong == a


def test_an_entry_put_in_among_sealed_ones_is_found(log: Database) -> None:
    with as_superuser():
        do(
            "INSERT INTO audit_entry (id, xid, object_type, object_id, object_version, body)"
            " OVERRIDING SYSTEM VALUE VALUES (-7, '4', 'host', 'x', 1, '{}')"
        )
        report = found()
    assert [finding.entry for finding in report.findings] == [-7]


def test_a_rewritten_tail_with_its_hashes_and_head_is_found(log: Database) -> None:
    """Everything is made to fit but the signatures, of which the superuser has no key."""
    random, size = Random(2), queries.head().size
    marks = [mark.size for mark in queries.checkpoints()]
    for _ in range(6):
        leaf = random.randrange(size)
        with as_superuser():
            do(BODY, entry_of(leaf))
            rows = list(queries.sealed_rows(0, size))
            leaves = [leaf_hash(leaf_data(i, row)) for i, _, row in rows if row]
            frontier, nodes = Frontier().extended(leaves)
            do("UPDATE audit_leaf SET hash = %s WHERE index = %s", leaves[leaf], leaf)
            do("UPDATE audit_head SET frontier = %s", frontier.to_bytes())
            for level, index, node in nodes:
                do("UPDATE audit_node SET hash=%s WHERE level=%s AND index=%s", node, level, index)
            report = found()
        assert report.first_wrong is not None
        before = max((mark for mark in marks if mark <= leaf), default=0)
        assert before <= report.first_wrong <= leaf


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaf SET hash = sha256('x') WHERE index = 5",
        "DELETE FROM audit_leaf WHERE index = 5",
        "DELETE FROM audit_leaf WHERE index > 300",
        "UPDATE audit_node SET hash = sha256('x')",
        "DELETE FROM audit_node",
        "UPDATE audit_head SET size = size - 1",
        "UPDATE audit_checkpoint SET root = sha256('x'), note = replace(note, '0', '1')",
        "UPDATE audit_cosignature SET line = replace(line, 'A', 'B')",
        "UPDATE audit_cosignature SET witness = 'nobody'",
        "DELETE FROM audit_key",
    ],
)
def test_altered_machinery_is_found(log: Database, statement: str) -> None:
    with as_superuser():
        do(statement)
        report = verify_log(witnesses=PINNED)
    assert not report.is_whole


def cut_back(size: int) -> None:
    """As if the log had never been longer: rows, leaves, checkpoints, head."""
    do("DELETE FROM audit_cosignature WHERE size > %s", size)
    do("DELETE FROM audit_checkpoint WHERE size > %s", size)
    do(
        "DELETE FROM audit_entry"
        " WHERE id NOT IN (SELECT entry_id FROM audit_leaf WHERE index < %s)",
        size,
    )
    do("DELETE FROM audit_leaf WHERE index >= %s", size)
    do("DELETE FROM audit_node WHERE (index + 1) * 256 > %s", size)
    frontier = Frontier().extended(queries.hashes_of(0, 0, size))[0]
    do(
        "UPDATE audit_head SET size = %s, frontier = %s, entry = e.id, xid = e.xid"
        " FROM audit_entry e WHERE e.id ="
        " (SELECT entry_id FROM audit_leaf ORDER BY index DESC LIMIT 1)",
        size,
        frontier.to_bytes(),
    )


def test_a_log_cut_back_to_a_checkpoint_is_found_by_what_a_witness_kept(log: Database) -> None:
    marks = queries.checkpoints()
    with as_superuser():
        cut_back(marks[2].size)
        assert found().is_whole, "nothing inside the database tells it"
        report = verify_log(keys=[KEY.verifier], witnesses=PINNED, seen=[marks[4].note])
    assert report.first_wrong == marks[2].size


def test_a_checkpoint_of_a_stranger_is_no_evidence(log: Database) -> None:
    stranger = VerifierKey("elsewhere", b"p" * 32)
    assert not verify_log(keys=[stranger]).is_whole


# ------------------------------------------------------------------ what an auditor takes home


def bundle(first: int = 0) -> io.BytesIO:
    out = io.BytesIO()
    write_bundle(out, first=first, witness_keys=[str(WITNESS_KEY)], now=NOW)
    return out


def test_a_bundle_is_verified_by_its_own_file_alone(log: Database, tmp_path: Path) -> None:
    for first in (0, 290):
        path = tmp_path / f"from-{first}.zip"
        path.write_bytes(bundle(first).getvalue())
        with zipfile.ZipFile(path) as archive:
            archive.extract("verify.py", tmp_path)
        argv = [sys.executable, "-I", "-S", str(tmp_path / "verify.py"), str(path)]
        argv += ["--log", str(KEY.verifier), "--witness", str(WITNESS_KEY), "--need", "1"]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert f"from leaf {first} to leaf {queries.head().size - 1}" in ran.stdout
        assert f"{queries.head().size} leaves are cosigned by 1 or more" in ran.stdout


def test_a_bundle_of_an_altered_log_names_the_entry(log: Database, tmp_path: Path) -> None:
    with as_superuser():
        do(BODY, entry_of(123))
        (tmp_path / "altered.zip").write_bytes(bundle().getvalue())
    report = offline.check(
        offline.read_bundle(str(tmp_path / "altered.zip")), [offline.read_key(str(KEY.verifier))]
    )
    assert report.first_wrong == 123


def test_every_leaf_can_be_proven_to_a_stranger(log: Database) -> None:
    size = queries.head().size
    for leaf in (0, 255, 256, size - 1):
        text = prove(leaf)
        assert text is not None
        head, _, note = text.partition("\n\n")
        assert head.startswith(f"c2sp.org/tlog-proof@v1\nindex {leaf}\n")
        assert note.count("— ") == 2, "the log's signature and a witness's"
    assert prove(size) is None


def test_the_command_says_what_is_whole_and_ends_with_one_where_not(
    log: Database, capsys: pytest.CaptureFixture[str], settings: Any, tmp_path: Path
) -> None:
    settings.TOCSIN_AUDIT_FOLDER = str(tmp_path)
    settings.TOCSIN_AUDIT_KEY_FILE = str(tmp_path / "audit-key")
    with as_superuser():
        do("DELETE FROM audit_cosignature")
        call_command("audit", "verify", "--key", str(KEY.verifier))
        assert "3 entries are not sealed yet" in capsys.readouterr().out
        do(BODY, entry_of(9))
        with pytest.raises(SystemExit):
            call_command("audit", "verify")
    assert "WRONG: Entry" in capsys.readouterr().out
    call_command("audit", "export", "--format", "jsonl", "--from", "5", "--limit", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["index"] for line in lines] == [5, 6]
    call_command("audit", "prove", "3")
    assert "index 3" in capsys.readouterr().out
    call_command("audit", "keys")
    assert str(KEY.verifier) in capsys.readouterr().out


def test_copies_outside_hold_checkpoints_and_hashes_and_find_a_log_that_was_cut(
    log: Database, settings: Any, tmp_path: Path
) -> None:
    settings.TOCSIN_AUDIT_FOLDER = str(tmp_path)
    settings.TOCSIN_AUDIT_KEY_FILE = str(tmp_path / "audit-key")
    clock, marks = ManualClock(NOW), queries.checkpoints()
    copies = Copies(lambda: [own_folder()], clock)
    copies.keep_up()
    copies.keep_up()
    assert kept_notes() == [marks[-1].note]
    tile = (tmp_path / tile_name(0)).read_bytes()
    assert tile == b"".join(queries.hashes_of(0, 0, 256))
    assert tile_name(1_234_067) == f"{PREFIX}tile/0/x001/x234/067"
    with as_superuser():
        cut_back(marks[2].size)
        clock.advance(61)
        copies.keep_up()
        report = verify_log(keys=[KEY.verifier], witnesses=PINNED, seen=kept_notes())
    assert report.first_wrong == marks[2].size
    Memory(memory_of(tmp_path / "audit-key", KEY), KEY).keep(marks[3].note)
    assert kept_notes() == [marks[2].note, marks[4].note, marks[3].note]


class Away(DirectoryStore):
    """A store that does not answer."""

    async def list(self, prefix: str = "") -> list[ObjectInfo]:
        raise StoreAway("no answer")


def test_a_store_that_is_away_keeps_no_copy_from_the_others_and_catches_up(
    log: Database, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    clock, newest = ManualClock(NOW), queries.newest_checkpoint()
    second: list[DirectoryStore] = [Away("second", folders[1])]
    copies = Copies(lambda: [*second, DirectoryStore("first", folders[0])], clock)
    copies.keep_up()
    assert newest is not None
    assert (folders[0] / checkpoint_name(newest.size)).read_text() == newest.note
    assert not any(folders[1].iterdir())
    second[:] = [DirectoryStore("second", folders[1])]
    for _ in range(2):
        clock.advance(61)
        copies.keep_up()
    assert (folders[1] / tile_name(0)).read_bytes() == (folders[0] / tile_name(0)).read_bytes()
    assert (folders[1] / checkpoint_name(newest.size)).exists()


def test_a_store_of_backups_gets_the_same_copies_by_its_name(
    log: Database, settings: Any, tmp_path: Path
) -> None:
    settings.TOCSIN_AUDIT_FOLDER = str(tmp_path)
    settings.TOCSIN_AUDIT_STORES = ["nowhere"]
    assert [store.name for store in copy_stores()] == ["audit folder"]


def test_copies_that_hang_hold_nobody_up() -> None:
    begun, let_go, count = threading.Event(), threading.Event(), []

    class Hanging:
        def keep_up(self) -> None:
            count.append(1)
            begun.set()
            let_go.wait(60)

    aside = Aside(Hanging())
    aside.keep_up()
    assert begun.wait(60)
    aside.keep_up()
    let_go.set()
    assert count == [1]
