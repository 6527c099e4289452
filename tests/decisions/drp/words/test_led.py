"""What a promotion came to, in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

from recovery.drp.hands.promoting import outcome_of
from recovery.failover.models import Failover
from recovery.inventory.models import Database, Replica


def test_each_of_its_sentences_begins_as_one() -> None:
    orders = Database(name="orders")
    row = Failover(
        number=1,
        target=Replica(database=orders, number=3),
        verified_at=datetime(2026, 11, 30, tzinfo=UTC),
        loss={"said": "it holds all that its primary told of."},
    )
    said = "FO-0001: orders-3 leads. It holds all that its primary told of."
    assert outcome_of(row).said == said
