"""What came back is put aside by an order: only what the host's own list set apart, once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from recovery.agent.backups.ordered import Restores
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.orders import DatabaseOrders
from recovery.core import wire
from recovery.core.clock import system
from recovery.core.ports import Kept

SPEC = wire.DatabaseSpec(
    replica="r", database="d", name="orders", engine="postgresql", version="18", role="out",
    epoch=2, port=5432, secret="s" * 32, members=(),
)  # fmt: skip
ORDER = wire.DatabaseOrder(operation="op-1", epoch=1, verb="keep", database=SPEC)


@dataclass
class Record:
    epoch: int = 2


@dataclass
class Server:
    """Counts what was put aside."""

    is_running: bool = False
    kept: int = 0
    record: Any = field(default_factory=Record)

    async def keep(self) -> Kept:
        self.kept += 1
        return Kept("20261129T031415.000000Z", 48)


@dataclass
class Replica:
    """One of this host. `list_says`: what its list wants, which `adopt` takes over."""

    list_says: wire.DatabaseSpec
    spec: wire.DatabaseSpec = SPEC
    server: Server = field(default_factory=Server)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def adopt(self) -> None:
        self.spec = self.list_says

    async def look(self) -> None:
        """It sees what there is."""

    def wake(self) -> None:
        """Its rounds go on."""


class Adopts:
    """Restores of a host that has none."""

    async def adopt(self, order: wire.DatabaseOrder, replica: object) -> wire.Outcome:
        raise AssertionError("nothing is restored here")


async def keep(replica: Replica) -> wire.Outcome:
    orders = DatabaseOrders(
        lambda _: cast("Any", replica), system, cast("Restores", Adopts()), Approvals()
    )
    return await orders.carry_out(ORDER)


async def test_what_is_set_apart_is_put_aside_and_told_by_name_and_size() -> None:
    done = await keep(Replica(SPEC))
    assert done.state == "done"
    assert json.loads(done.detail) == {"name": "20261129T031415.000000Z", "bytes": 48}


@pytest.mark.parametrize("role", ["primary", "standby"])
async def test_what_its_own_list_lets_serve_is_not_touched(role: wire.ReplicaRole) -> None:
    replica = Replica(msgspec.structs.replace(SPEC, role=role))
    refused = await keep(replica)
    assert (refused.state, refused.detail) == ("refused", "it is not set apart: it may serve")
    assert replica.server.kept == 0


async def test_a_server_that_still_runs_is_not_pulled_from_under_its_feet() -> None:
    replica = Replica(SPEC, server=Server(is_running=True))
    failed = await keep(replica)
    assert (failed.state, failed.detail) == ("failed", "its server has not ended yet")
    assert replica.server.kept == 0
