"""The restore lottery: one at a time, never while something is wrong, each in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

from recovery.backups.lottery import Ticket
from recovery.inventory.facts import Verdict
from recovery.operations.facts import UNDER_WAY, OperationState
from recovery.restores.decide import MOST_ORDERS
from recovery.restores.facts import HostSight, OrderSight
from recovery.restores.trials import (
    LENT_WITHIN,
    OFTEN,
    SELDOM,
    Again,
    Begin,
    Ended,
    Idle,
    Running,
    Trial,
    Void,
    every,
    next_turn,
    scratch_host,
)

NOW = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
WITHIN = timedelta(days=30)
HOSTS = tuple(HostSight(f"h{n}", f"host-{n}", "PAR1", "r1", databases=n) for n in range(4))


def trial(**changes: object) -> Trial:
    tickets = (Ticket("t1", NOW - timedelta(days=9), 10), Ticket("t2", NOW - timedelta(days=3), 1))
    plain = Trial(
        now=NOW,
        within=WITHIN,
        last=NOW - timedelta(days=2),
        tickets=tickets,
        hosts=HOSTS,
        members=frozenset({("t1", "h0"), ("t2", "h0")}),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_one_is_drawn_and_goes_to_a_host_that_serves_nothing_of_it() -> None:
    turn = next_turn(trial(), 0.0)
    assert turn == Begin("t1", "h1", "Drawn: not proven for 9 days. Restored on host-1.")
    new = next_turn(trial(tickets=(Ticket("t1", NOW - timedelta(days=3), 1, is_new=True),)), 0.0)
    assert isinstance(new, Begin)
    assert new.why == "Drawn: never proven yet. Restored on host-1."
    lost = (replace(HOSTS[1], verdict=Verdict.LOST), replace(HOSTS[2], is_quarantined=True))
    turn = next_turn(trial(hosts=(HOSTS[0], *lost, HOSTS[3])), 0.0)
    assert isinstance(turn, Begin)
    assert turn.host == "h3"
    assert isinstance(next_turn(trial(hosts=HOSTS[:1]), 0.0), Idle)


def test_none_is_sent_where_no_order_is_taken() -> None:
    deaf = tuple(replace(one, deaf_since=NOW) for one in HOSTS[:3])
    assert scratch_host((*deaf, HOSTS[3]), "t", frozenset()) == HOSTS[3]
    assert scratch_host(deaf, "t", frozenset()) is None


def test_none_is_begun_while_something_is_wrong_or_before_its_time() -> None:
    for why in ("INC-0001 lasts", "RS-0001 runs.", "Everything is paused: storm"):
        assert next_turn(trial(hindered=why), 0.0) == Idle(why)
    assert isinstance(next_turn(trial(last=NOW - timedelta(hours=23)), 0.0), Idle)
    assert isinstance(next_turn(trial(tickets=()), 0.0), Idle)
    fresh = (Ticket("t1", NOW - OFTEN / 2, 10),)
    assert isinstance(next_turn(trial(last=None, tickets=fresh), 0.0), Idle)
    assert isinstance(next_turn(trial(last=None), 0.0), Begin)


def test_what_runs_ends_by_its_outcome_alone() -> None:
    for state, orders, quiet, hindered in product(
        OperationState, (1, MOST_ORDERS), (0.0, 60.0), ("", "INC-0001 lasts")
    ):
        running = Running(OrderSight(state, "archive: its words"), orders, quiet)
        turn = next_turn(trial(running=running, hindered=hindered), 0.0)
        assert not isinstance(turn, Begin), "one at a time"
        if state in UNDER_WAY:
            assert turn == Idle("One runs.")
        elif state is OperationState.DONE:
            assert turn == Ended()
        elif state is OperationState.UNKNOWN:
            assert isinstance(turn, Void if orders == MOST_ORDERS else Again | Idle)
            assert isinstance(turn, Again) is (orders == 1 and quiet > 0 and not hindered)
        elif state is OperationState.WITHDRAWN:
            assert turn == Void("its words")
        else:
            assert turn == Ended("its words")
    late = Running(OrderSight(OperationState.REFUSED, "quarantine: nothing new yet"), 1, 60.0)
    assert isinstance(next_turn(trial(running=late), 0.0), Again)


def test_what_is_no_fault_of_the_archive_is_void() -> None:
    for state, said in product(
        (OperationState.FAILED, OperationState.REFUSED),
        (
            "host: the restored data need 900 MiB, 12 MiB are free",
            "keys: The key file has no key 'k9'.",
            "[Errno 28] No space left on device",
            "words that nobody has thought of",
            "",
        ),
    ):
        turn = next_turn(trial(running=Running(OrderSight(state, said), 1, 60.0)), 0.0)
        assert isinstance(turn, Void), said
    away = OrderSight(OperationState.FAILED, "store: s3-osu2: cannot be reached.")
    assert isinstance(next_turn(trial(running=Running(away, 1, 60.0)), 0.0), Again)
    often = next_turn(trial(running=Running(away, MOST_ORDERS, 60.0)), 0.0)
    assert isinstance(often, Void)
    assert "s3-osu2: cannot be reached." in often.said
    unlent = Running(None, 0, 60.0, "A volume is made.", LENT_WITHIN + 1)
    assert isinstance(next_turn(trial(running=unlent), 0.0), Void)


def test_the_rhythm_lets_each_be_proven_in_time() -> None:
    for count in (1, 3, 40, 500, 2000):
        rhythm = every(count, WITHIN)
        assert OFTEN <= rhythm <= SELDOM
        assert rhythm * count <= WITHIN


def test_over_months_no_replica_waits_longer_than_its_time() -> None:
    random = Random(3)
    since = {f"t{n}": NOW for n in range(25)}
    now, last, worst = NOW, None, timedelta(0)
    while now < NOW + timedelta(days=120):
        now += timedelta(hours=1)
        tickets = tuple(Ticket(key, at, random.randrange(1 << 35)) for key, at in since.items())
        turn = next_turn(
            trial(now=now, last=last, tickets=tickets, members=frozenset()), random.random()
        )
        if isinstance(turn, Begin):
            worst = max(worst, now - since[turn.ticket])
            since[turn.ticket], last = now, now
    assert worst <= WITHIN
    assert min(since.values()) > NOW
