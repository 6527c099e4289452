"""The sealer on real rows: dense, once, in order, whatever dies or runs beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest
from django.db import Error, connection, transaction

from recovery.audit import actions, queries
from recovery.audit.verify import verify_log
from recovery.core.clock import ManualClock
from recovery.core.tlog.checkpoints import open_checkpoint
from recovery.core.tlog.tree import Frontier, verify_consistency, verify_inclusion
from recovery.sealer.seal import Sealer
from tests.actions.audit.ground import KEY, sealed, sealer, write
from tests.support.databases import Database, django_on
from tests.support.fleet import NOW


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


def test_with_the_applications_role_alone_nobody_seals_and_the_gateway_cosigns(
    rows: Database, tmp_path: Path
) -> None:
    sealed(tmp_path, 3)
    write(2)
    calls = (
        "audit_lead(1, 'mallory')",
        "audit_beat(1)",
        "audit_seal(1, 3, ARRAY[4]::bigint[], ARRAY[]::bytea[], '', ARRAY[]::smallint[],"
        " ARRAY[]::bigint[], ARRAY[]::bytea[])",
        "audit_publish(5, '', '', '')",
    )
    with django_on(rows):
        assert sql("SELECT current_user") == [("tocsin_app",)]
        for call in calls:
            with pytest.raises(Error, match="permission denied for function"):
                sql(f"SELECT {call}")
        for role in ("tocsin_sealer", "tocsin_owner"):
            with pytest.raises(Error, match="permission denied to set role"):
                sql(f"SET ROLE {role}")
        with pytest.raises(Error, match="permission denied"):
            sealer(tmp_path).take_lead()
        size = queries.head().size
        assert actions.add_cosignature(size=size, witness="w", key="k", line="l")
    assert sql("SELECT current_user") == [("tocsin_sealer",)]
    again = sealer(tmp_path)
    again.take_lead()
    assert again.round() == 2
