"""Who is asked next after a store that hung."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from recovery.backups.looking import HUNG_AFTER, look_at
from recovery.backups.models import Store
from recovery.backups.queries import ToRead
from recovery.core.ports import StoreAway
from tests.support.archives import MemoryStore

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


class Slow(MemoryStore):
    """It loses patience with itself after so many seconds of the loop's clock."""

    seconds = 0.0
    asked = 0

    def pass_time(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        setattr(loop, "time", lambda: now + self.seconds * self.asked)  # noqa: B010  # a fake clock

    async def list(self, prefix: str = "") -> list:  # type: ignore[type-arg]  # it returns nothing
        self.asked += 1
        raise StoreAway(f"{self.name}: no answer in {self.seconds:.0f} s.")


@pytest.mark.parametrize(("seconds", "asked"), [(HUNG_AFTER, 1), (0.0, 3)])
def test_after_a_store_that_hung_the_rest_is_not_asked_whoever_lost_patience(
    seconds: float, asked: int
) -> None:
    slow = Slow("par1-store")
    slow.seconds = seconds

    def opened(row: Store) -> Slow:
        slow.pass_time()
        return slow

    archives = [ToRead(UUID(int=n), f"db-{n}", Store(name="par1-store")) for n in range(3)]
    looks = look_at(archives, opened=opened, now=NOW)
    assert slow.asked == asked
    assert [look.replica for look in looks] == [one.replica for one in archives]
    assert all(look.reading is None and "no answer" in look.error for look in looks)
