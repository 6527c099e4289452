"""Which replica of Tocsin itself is proven next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recovery.own.folder import OwnProof
from recovery.own.proving import next_due

NOW = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
EVERY = timedelta(days=15)


def proof(age: timedelta, failure: str = "") -> OwnProof:
    return OwnProof(begun=NOW - age, ended=NOW - age, failure=failure)


def test_what_was_never_proven_goes_first_and_then_what_waits_longest() -> None:
    old = {1: proof(timedelta(days=16)), 2: proof(timedelta(days=20))}
    assert next_due([1, 2, 3], old, EVERY, NOW) == 3
    assert next_due([1, 2], old, EVERY, NOW) == 2
    assert next_due([1], {1: proof(timedelta(days=14))}, EVERY, NOW) is None
    assert next_due([], {}, EVERY, NOW) is None


def test_one_that_failed_is_tried_again_within_the_hour_and_keeps_no_other_waiting() -> None:
    failed = {1: proof(timedelta(hours=2), "altered"), 2: proof(timedelta(days=16))}
    assert next_due([1, 2], failed, EVERY, NOW) == 2
    assert next_due([1], failed, EVERY, NOW) == 1
    assert next_due([1], {1: proof(timedelta(minutes=59), "altered")}, EVERY, NOW) is None
