"""What came back is put aside by an order: only what the host's own list set apart, once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from recovery.agent.backups.ordered import Restores
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.orders import DatabaseOrders
from recovery.core import wire
from recovery.core.clock import system
from recovery.core.consent import write_pins
from recovery.core.ports import Kept
from recovery.core.wire.databases import UNLISTED
from recovery.drp.facts import Kind
from tests.agent.databases.conftest import A, B, Pair, fail_over
from tests.agent.databases.test_approved import PINS, made, mandate, word
from tests.support.passkeys import PARTY

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


async def test_only_what_has_ended_is_said_not_to_be_here() -> None:
    """By that word another takes its place."""
    ending = {"r"}
    orders = DatabaseOrders(
        lambda _: None,
        system,
        cast("Restores", Adopts()),
        Approvals(),
        lambda name: "it is about to end" if name in ending else "",
    )
    told = await orders.carry_out(ORDER)
    assert (told.state, told.detail) == ("unknown", "it is about to end")
    ending.clear()
    told = await orders.carry_out(ORDER)
    assert (told.state, told.detail) == ("refused", UNLISTED)


async def test_a_server_that_still_runs_is_not_pulled_from_under_its_feet() -> None:
    replica = Replica(SPEC, server=Server(is_running=True))
    failed = await keep(replica)
    assert (failed.state, failed.detail) == ("failed", "its server has not ended yet")
    assert replica.server.kept == 0


async def test_what_came_back_is_measured_kept_by_peoples_word_and_cloned_anew(
    up: Pair, tmp_path: Path
) -> None:
    """On a real server: behind the fence its list says out; then it follows again."""
    await fail_over(up)
    host, pins = up.hosts[A], tmp_path / "approvers.json"
    pins.write_bytes(write_pins(PINS))
    await host.stop()
    host.fields |= {"pins": str(pins), "party": PARTY.name, "origins": tuple(PARTY.origins)}
    up.out.add(A)
    await up.back(A)
    await up.desire()
    await up.until(A, 30.0, is_measured=True)
    plain = wire.DatabaseOrder(operation="op-plain", epoch=1, verb="keep", database=up.spec(A))
    signed = msgspec.structs.replace(
        plain,
        operation="op-signed",
        database=msgspec.structs.replace(up.spec(A), database="id-shop"),
        plan=word(mandate(made(Kind.KEEP_COPIES, names=("shop",)))),
    )
    for order in (plain, signed):
        await up.gateway.send(host.name, order)
    refused = await up.outcome(A, plain)
    assert refused.state == "refused"
    assert "is a recovery plan's alone" in refused.detail
    done = await up.outcome(A, signed)
    assert done.state == "done", done.detail
    told = json.loads(done.detail)
    assert told["bytes"] > 1_000_000
    assert next(host.folder.rglob(f"kept/{told['name']}/PG_VERSION")).is_file()
    up.out.clear()
    await up.desire()
    await up.until(A, 40.0, state="running", role="standby", follows=B)
    assert next(host.folder.rglob(f"kept/{told['name']}/PG_VERSION")).is_file()


@pytest.mark.parametrize("is_leased", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
async def test_whether_its_list_or_the_order_comes_first_it_hands_over_all_that_it_wrote(
    up: Pair, *, is_leased: bool, is_first: bool
) -> None:
    """In the list it is out already. One that no standby nearby could follow has no lease."""
    if not is_leased:
        up.lease = None
        await up.desire()
        await up.until(A, gate="none", is_writable=True)
    if is_first:
        up.out.add(A)
        await up.desire()
        await up.until(A, 30.0, state="down", role="out")
    fenced = await up.order(A, "fence")
    assert fenced.state == "done", fenced.detail
    assert fenced.detail.isdigit(), fenced.detail
    await up.gateway.until(lambda: up.fact(B).position >= int(fenced.detail))
