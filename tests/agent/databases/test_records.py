"""What a host must never forget of a replica, whoever changes it at the same time."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from recovery.agent.databases.letters import Question
from recovery.agent.databases.records import Record, Records, promised, taken_over
from recovery.core.wire import DatabaseOrder, DatabaseSpec

NOW = 1000.0
SPEC = DatabaseSpec(
    replica="shop-2",
    database="database-1",
    name="shop",
    engine="postgresql",
    version="18",
    role="standby",
    epoch=2,
    port=8200,
    secret="not one",
    members=(),
)


def take_over(number: int) -> DatabaseOrder:
    return DatabaseOrder(
        operation=f"op-{number}",
        epoch=1,
        verb="ask",
        database=SPEC,
        take_over=True,
        by=f"run-{number}",
    )


def question(number: int) -> Question:
    return Question(
        replica=f"shop-{number}", to="shop-2", epoch=1, incarnation=1, number=1, span=30.0
    )


async def test_promises_and_take_overs_at_the_same_time_lose_nothing_of_each_other(
    tmp_path: Path,
) -> None:
    """Each starts from what the one before left on the disk."""
    records = Records(tmp_path, "boot", NOW)
    await asyncio.gather(
        *(
            asyncio.to_thread(records.decide, "shop-2", partial(promised, question(n), NOW + n))
            for n in range(3, 23)
        ),
        *(
            asyncio.to_thread(records.decide, "shop-2", partial(taken_over, take_over(n)))
            for n in range(20)
        ),
    )
    again = Records(tmp_path, "boot", NOW)
    for kept in (records.get("shop-2"), again.get("shop-2")):
        assert {name for name, _ in kept.promises.taken} == {f"run-{n}" for n in range(20)}
        assert len(kept.heard) == 20


async def test_no_promise_is_given_after_somebody_took_over_whoever_came_first(
    tmp_path: Path,
) -> None:
    records = Records(tmp_path, "boot", NOW)
    for round_ in range(30):
        name = f"shop-{round_}"
        asked, taken = partial(promised, question(3), NOW), partial(taken_over, take_over(1))
        answers = await asyncio.gather(
            asyncio.to_thread(records.decide, name, asked),
            asyncio.to_thread(records.decide, name, taken),
        )
        left = records.get(name).promises.left(NOW)
        assert answers[1].closed_below == 2
        assert (left > 0) == (answers[0] == ""), "what was answered stands in the record"
        assert answers[1].left(NOW) in {0.0, left}


def test_what_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path, "boot", NOW)

    def same(record: Record) -> tuple[Record, int]:
        return record, 7

    assert records.decide("shop-2", same) == 7
    file = tmp_path / "shop-2" / "record.json"
    before = file.stat().st_ino
    assert records.decide("shop-2", same) == 7
    assert file.stat().st_ino == before, "a write replaces it"
