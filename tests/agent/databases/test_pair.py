"""A primary and its standby, through the agents alone."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from recovery.agent.http import Getter
from recovery.core import wire
from tests.agent.databases.conftest import TERMS, A, B, Pair, end_servers, fail_over, watchdogs
from tests.support.clocks.steady import steady
from tests.support.waiting import until


async def test_a_pair_comes_up_from_its_lists_alone_and_keeps_its_lease(up: Pair) -> None:
    writer = up.writer(A)
    writer.start()
    began = steady.monotonic()
    await asyncio.sleep(2 * TERMS.length)
    await writer.stop()
    assert writer.longest_gap(began + 0.5, steady.monotonic() - 0.1) < 1.0
    assert up.fact(A).gate == "open"
    assert up.fact(A).gate_kind == "watchdog"


async def test_without_the_control_plane_a_promise_keeps_it_acknowledging(up: Pair) -> None:
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    began = steady.monotonic()
    await up.gateway.close()
    await asyncio.sleep(3 * TERMS.length)
    await writer.stop()
    assert writer.longest_gap(began, steady.monotonic() - 0.1) < 1.0


async def test_without_control_plane_and_peer_it_is_fenced_in_time(up: Pair) -> None:
    await up.hosts[B].stop()
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    began = steady.monotonic()
    await up.gateway.close()
    await asyncio.sleep(TERMS.length + 1.0)
    await writer.stop()
    assert began < writer.last < began + TERMS.length + 0.1
    assert not await up.writer(A).try_write(-1, 1.0)


async def test_a_standby_that_promised_is_not_promoted_before_the_promise_ends(up: Pair) -> None:
    await up.gateway.close()
    await asyncio.sleep(TERMS.length)
    for host in up.hosts.values():
        up.gateway.member(host.name).socket = None
    await up.gateway.open()
    for replica in (A, B):
        await up.enrolled(replica)
    await up.until(B, state="running")
    up.gateway.leaders = {}
    asked = await up.order(B, "ask", epoch=2, take_over=True)
    assert asked.state == "done"
    assert json.loads(asked.detail)["promised_ms"] > 0
    refused = await up.order(B, "promote", epoch=2)
    assert refused.state == "refused"
    assert "promised" in refused.detail
    began = steady.monotonic()
    await up.until(B, promised_ms=0)
    await up.until(A, gate="closed")
    assert steady.monotonic() - began < 2 * TERMS.length


async def test_after_a_fence_the_standby_is_promoted_and_the_old_one_rejoins(up: Pair) -> None:
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    fenced = await fail_over(up)
    await writer.stop()
    assert int(fenced.detail) > 0
    public = Ed25519PublicKey.from_public_bytes(up.gateway.member("host-replica-a").public_key)
    receipt = wire.receipt_bytes(fenced.operation, A, 1)
    public.verify(base64.b64decode(fenced.receipt), receipt)
    kept = await up.writer(B).numbers()
    assert {number for _, number in writer.acknowledged} <= kept
    assert await up.writer(B).try_write(-1)
    assert up.fact(A).state == "fenced"
    await up.desire()
    await up.until(A, 40.0, state="running", role="standby", follows=B)
    await up.until(B, gate="open", is_writable=True)
    assert not await up.writer(A).try_write(-2, 1.0)
    await up.gateway.until(lambda: any(each.is_streaming for each in up.fact(B).standbys))


async def test_the_promoted_one_keeps_its_lease_and_late_lists_change_nothing(up: Pair) -> None:
    old = up.spec(B)
    await fail_over(up)
    host = up.hosts[B].name
    await up.gateway.desire(host, databases=(old,))
    await asyncio.sleep(TERMS.length + 1.0)
    await until(lambda: up.writer(B).try_write(-1), TERMS.length)
    assert (up.fact(B).epoch, up.fact(B).role) == (2, "primary")


async def test_a_crash_is_told_at_once_and_mended_by_order(up: Pair) -> None:
    began = steady.monotonic()
    os.kill(server_of(up, A), signal.SIGKILL)
    await up.until(A, state="down")
    assert steady.monotonic() - began < 1.5
    await asyncio.sleep(0.5)
    assert up.fact(A).state == "down"
    done = await up.order(A, "restart")
    assert done.state == "done", done.detail
    assert await up.writer(A).try_write(-1)


async def test_a_crashed_standby_is_started_again_without_being_asked(up: Pair) -> None:
    before = server_of(up, B)
    os.kill(before, signal.SIGKILL)
    await until(lambda: server_of(up, B) not in (0, before))
    await up.until(B, state="running", follows=A)


async def test_what_is_set_apart_stops_and_says_what_only_it_has(up: Pair) -> None:
    up.is_synchronous = False
    await up.desire()
    await up.hosts[B].stop()
    end_servers(up.hosts[B].folder)
    assert await up.writer(A).try_write(-5)
    fenced = await up.order(A, "fence")
    assert fenced.state == "done"
    await up.back(B)
    await up.desire()
    await up.until(B, state="running")
    up.epoch, up.leader = 2, B
    up.gateway.leaders = {B: 2}
    assert (await up.order(B, "promote")).state == "done"
    assert await up.writer(B).try_write(-6)
    up.out = {A}
    await up.desire()
    await up.gateway.until(lambda: up.fact(A).alone, 20.0)
    assert up.fact(A).role == "out"
    assert "ledger" in up.fact(A).alone or "1 transaction" in up.fact(A).alone


async def test_load_balancers_learn_where_the_primary_is(up: Pair) -> None:
    asked = [(A, "primary"), (A, "standby"), (B, "primary"), (B, "standby")]
    told = [await health(up, replica, wanted) for replica, wanted in asked]
    assert told == [200, 503, 503, 200]
    assert await health(up, A, "elsewhere") == 404


async def health(pair: Pair, replica: str, wanted: str) -> int:
    address, port = pair.hosts[replica].address, pair.peer_ports[replica]
    getter = Getter(address, port, f"/databases/shop/{wanted}")
    try:
        return await getter.status(2.0)
    finally:
        getter.close()
        await asyncio.sleep(0)


def server_of(pair: Pair, replica: str) -> int:
    """The server's first process: the child of its watchdog."""
    (watchdog,) = watchdogs(pair.hosts[replica].folder)
    children = Path(f"/proc/{watchdog}/task/{watchdog}/children").read_text().split()
    return int(children[0]) if children else 0
