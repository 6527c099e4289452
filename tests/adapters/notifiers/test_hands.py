"""Webhooks and messages to people keep each other waiting for nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

from django.db import DatabaseError

from recovery.alarms.models import Delivery
from recovery.notifier.run import Hands


def test_who_is_slow_holds_hands_of_its_own_and_of_nobody_else() -> None:
    release = threading.Event()
    got: list[Delivery] = []
    slow = [Delivery(pk=number) for number in range(9)]
    fast = [Delivery(pk=100)]

    def hang(one: Delivery) -> None:
        release.wait(30)

    def some(rows: list[Delivery], free: int) -> list[Delivery]:
        taken, rows[:] = rows[:free], rows[free:]
        return taken

    with ThreadPoolExecutor(2) as machines, ThreadPoolExecutor(1) as people:
        calls = Hands(machines, 2, claim=lambda free: some(slow, free), send=hang)
        alarms = Hands(people, 1, claim=lambda free: some(fast, free), send=got.append)
        for _ in range(3):
            calls.take()
            alarms.take()
        wait(alarms.busy, timeout=10)
        assert [one.pk for one in got] == [100]
        assert len(slow) == 7, "no more is claimed than there are hands"
        release.set()


def test_what_cannot_be_written_is_no_end_of_its_hand() -> None:
    def fails(one: Delivery) -> None:
        raise DatabaseError("away")

    rows = [[Delivery(pk=1)], []]
    with ThreadPoolExecutor(1) as pool:
        hands = Hands(pool, 1, claim=lambda free: rows.pop(0), send=fails)
        hands.take()
        wait(hands.busy, timeout=10)
        hands.take()
    assert not hands.busy
