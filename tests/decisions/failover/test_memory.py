"""What the leading controller remembers of the words about a database's replicas."""

from __future__ import annotations

from recovery.failover.rounds.memory import MOST_CLAIMS, UNDER_WAY, Memory

A, B = "primary", "standby"


def hear(
    memory: Memory,
    now: float,
    *,
    primary: tuple[int, int],
    standby: tuple[int, int],
    timeline: int = 1,
    is_silent: bool = False,
) -> int:
    """Both words as the rows have them now, each (count, position); what B claimed too early."""
    told = {A: primary, B: standby}
    memory.note_words("orders", (A, timeline), told, now, is_silent=is_silent)
    return memory.claimed.get(B, 0)


def test_a_claim_that_overtook_its_primarys_word_on_the_way_is_no_lie() -> None:
    """The primary said 100, then wrote 200, which the standby has and tells; the primary's older
    word arrives after that one, and is its last."""
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(1, 50))
    hear(memory, 1.0, primary=(1, 50), standby=(2, 200))
    assert hear(memory, 1.5, primary=(2, 100), standby=(2, 200)) < 200


def test_who_claimed_long_before_what_its_primary_writes_now_is_remembered() -> None:
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(1, 50))
    hear(memory, 1.0, primary=(2, 60), standby=(2, 900))
    assert hear(memory, 1.1 + UNDER_WAY, primary=(3, 100), standby=(3, 900)) == 900


def test_what_was_written_before_a_server_fell_silent_is_no_lie() -> None:
    """Its agent goes on telling its last word, which is older than what the standby got."""
    memory = Memory()
    hear(memory, 0.0, primary=(1, 50), standby=(1, 50))
    hear(memory, 1.0, primary=(1, 50), standby=(2, 90))
    assert hear(memory, 9.0, primary=(2, 50), standby=(3, 90), is_silent=True) <= 50


def test_another_history_begins_without_claims() -> None:
    memory = Memory()
    hear(memory, 0.0, primary=(1, 500), standby=(1, 500))
    assert hear(memory, 9.0, primary=(2, 600), standby=(2, 600)) == 500
    assert hear(memory, 10.0, primary=(3, 10), standby=(3, 10), timeline=2) == 0


def test_a_silent_primarys_standby_is_remembered_in_little_space() -> None:
    memory = Memory()
    for second in range(10 * MOST_CLAIMS):
        hear(memory, float(second), primary=(1, 50), standby=(second, 900 - second))
    assert len(memory.claims[B]) <= MOST_CLAIMS
    assert hear(memory, 9999.0, primary=(2, 50), standby=(0, 0)) == 900
