"""What one disk lacks is given up once, by all whose spools lie on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

from recovery.agent.backups.carry import Carrier
from recovery.agent.backups.room import Relief
from recovery.agent.backups.sharing import Sharing
from recovery.agent.backups.spool import Spool
from recovery.core.archive import SEGMENT, RetentionPolicy
from recovery.core.ports import ObjectInfo
from tests.decisions.archive.build import base, chunk, info

MIB = 1 << 20
RESERVE = 10 * MIB


@dataclass
class Disk:
    """How much is free beside the reserve."""

    free: int

    async def reserve(self) -> int:
        return RESERVE


@dataclass
class Little:
    """A spool on it: a base, and so many pieces of log after it, of a MiB each."""

    store: Disk
    database: str
    pieces: int
    objects: dict[str, ObjectInfo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = base(0, 3 * SEGMENT, parts=1)
        log = [chunk(4 + n / 8, 4 + (n + 1) / 8, n) for n in range(self.pieces + 1)]
        found = [info(first.part(0)), info(first), *log]
        self.objects = {one.name: ObjectInfo(one.name, MIB, one.modified) for one in found}
        self.before = len(self.objects)

    async def room(self) -> int:
        return self.store.free

    async def forget(self, name: str) -> None:
        self.store.free += self.objects.pop(name).size
        await asyncio.sleep(0)

    def needs(self, size: int) -> int:
        return size

    @property
    def gone(self) -> int:
        return self.before - len(self.objects)


class Whole:
    """A store that has all of it."""

    def __init__(self, spool: Little) -> None:
        self.has, self.store = set(spool.objects), self
        self.is_listed, self.trouble, self.name = True, "", "replica 1"

    async def look(self) -> bool:
        await asyncio.sleep(0)
        return True


def relief_of(spool: Little, sharing: Sharing) -> Relief:
    carriers = [cast(Carrier, Whole(spool))]
    one = Relief(cast(Spool, spool), carriers, RetentionPolicy(backups=1, days=0), 60.0)
    one.sharing = sharing
    sharing.join(one)
    return one


async def test_each_gives_up_its_part_and_no_more_than_lacks_together() -> None:
    """Nine MiB and half a reserve lack; each of the three gave up all of that."""
    disk, sharing = Disk(RESERVE - 9 * MIB), Sharing()
    spools = [Little(disk, name, 20) for name in ("a", "b", "c")]
    await asyncio.gather(*(relief_of(one, sharing).look() for one in spools))
    assert disk.free == RESERVE + RESERVE // 2
    assert [one.gone for one in spools] == [5, 5, 4]


async def test_who_has_nothing_to_give_leaves_it_to_the_others() -> None:
    disk, sharing = Disk(RESERVE - 9 * MIB), Sharing()
    spools = [Little(disk, "a", 0), Little(disk, "b", 1), Little(disk, "c", 20)]
    reliefs = [relief_of(one, sharing) for one in spools]
    for one in reliefs:
        await one.look()
    assert disk.free >= RESERVE
    assert spools[0].gone == 0
    assert sum(one.gone for one in spools) <= 14


async def test_who_ended_is_not_waited_for() -> None:
    disk, sharing = Disk(RESERVE - 9 * MIB), Sharing()
    here, ended = Little(disk, "a", 20), Little(disk, "b", 20)
    sharing.leave(relief_of(ended, sharing))
    await relief_of(here, sharing).look()
    assert (here.gone, ended.gone) == (14, 0)
