"""What the leading controller remembers of the words about a database's replicas."""

from __future__ import annotations

import pytest

from recovery.failover.rounds.memory import MOST_CLAIMS, Memory, Number

A, B = "primary", "standby"


def hear(
    memory: Memory,
    now: float,
    *,
    primary: tuple[int, int],
    standby: tuple[int, int],
    lease: int,
    granted: int,
    timeline: int = 1,
    life: int = 1,
) -> int:
    """Both words as the rows have them now, each (count, position); what B claimed too early."""
    told = {A: primary, B: standby}
    numbers: dict[str, Number] = {"lease": (1, life, lease), "granted": (1, life, granted)}
    memory.note_words("orders", (A, timeline), told, now, **numbers)
    return memory.claimed.get(B, 0)


@pytest.mark.parametrize("late", [1.5, 9.0, 900.0])
def test_a_claim_that_overtook_its_primarys_word_on_the_way_is_no_lie(late: float) -> None:
    """The primary said 100, then wrote 200, which the standby has and tells; the primary's older
    word arrives after that one, however late, and is its last."""
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(1, 50), lease=4, granted=4)
    hear(memory, 1.0, primary=(1, 50), standby=(2, 200), lease=5, granted=4)
    assert not hear(memory, late, primary=(2, 100), standby=(2, 200), lease=9, granted=5)


def test_who_claimed_before_what_its_primary_writes_later_is_remembered() -> None:
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(1, 50), lease=4, granted=4)
    hear(memory, 1.0, primary=(2, 60), standby=(2, 900), lease=5, granted=4)
    assert hear(memory, 1.1, primary=(3, 100), standby=(2, 900), lease=6, granted=6) == 900


def test_numbers_of_another_life_of_its_agent_order_nothing() -> None:
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(2, 900), lease=1, granted=1)
    assert not hear(memory, 1.0, primary=(2, 100), standby=(2, 900), lease=6, granted=6, life=2)


def test_what_was_written_before_a_server_fell_silent_is_no_lie() -> None:
    """Its agent goes on telling its last word, of which no grant is told: nothing was looked at."""
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(1, 50), lease=4, granted=4)
    hear(memory, 1.0, primary=(1, 50), standby=(2, 90), lease=5, granted=4)
    assert not hear(memory, 9.0, primary=(2, 50), standby=(3, 90), lease=5, granted=0)


def test_another_history_begins_without_claims() -> None:
    memory = Memory()
    hear(memory, 0.0, primary=(1, 500), standby=(1, 800), lease=4, granted=4)
    assert hear(memory, 9.0, primary=(2, 600), standby=(2, 600), lease=6, granted=6) == 800
    now = 10.0
    assert not hear(memory, now, primary=(3, 10), standby=(3, 10), lease=7, granted=7, timeline=2)


def test_a_silent_primarys_standby_is_remembered_in_little_space() -> None:
    memory = Memory()
    for n in range(10 * MOST_CLAIMS):
        hear(memory, float(n), primary=(1, 50), standby=(n, 900 - n), lease=n + 1, granted=0)
    assert len(memory.claims[B]) <= MOST_CLAIMS
    assert hear(memory, 9999.0, primary=(2, 50), standby=(0, 0), lease=999, granted=999) == 900
