"""Agents killed and stopped, hosts that come back, letters that are forged or late."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from recovery.agent.databases.asking import NoAnswer, ask
from recovery.agent.databases.letters import Question
from recovery.core import wire
from recovery.lab import processes
from tests.agent.databases.conftest import SECRET, TERMS, A, B, Pair, end_servers, fail_over
from tests.agent.databases.test_pair import server_of
from tests.support.clocks.steady import steady
from tests.support.waiting import until


async def started(pair: Pair, alone: str) -> Pair:
    """The pair is up, one agent a process of its own."""
    for replica, host in pair.hosts.items():
        if replica == alone:
            host.spawn()
        else:
            host.start()
        await pair.enrolled(replica)
    await pair.desire()
    await pair.until(A, 30.0, state="running", gate="open", is_writable=True)
    await pair.until(B, 30.0, state="running", follows=A)
    await pair.gateway.until(lambda: any(s.is_synchronous for s in pair.fact(A).standbys))
    await pair.writer(A).make_table()
    return pair


@pytest.fixture
async def apart(pair: Pair) -> Pair:
    return await started(pair, A)


STEADY = wire.LeaseTerms(every=0.3, timeout=0.5, length=90.0, early=60.0)
"""No lease ends because a busy machine needs longer than `TERMS` to start an agent again."""


@pytest.fixture
async def a_steady(pair: Pair) -> Pair:
    pair.lease = STEADY
    return await started(pair, A)


@pytest.fixture
async def b_steady(pair: Pair) -> Pair:
    pair.lease = STEADY
    return await started(pair, B)


async def test_a_killed_agent_finds_its_server_again_within_the_lease(apart: Pair) -> None:
    server = server_of(apart, A)
    writer = apart.writer(A)
    writer.start()
    await asyncio.sleep(0.3)
    began = steady.monotonic()
    apart.hosts[A].kill()
    apart.gateway.member(apart.hosts[A].name).socket = None
    apart.hosts[A].spawn()
    await apart.enrolled(A)
    await apart.desire()
    await asyncio.sleep(TERMS.length + 0.5)
    await writer.stop()
    assert writer.longest_gap(began, steady.monotonic() - 0.1) < 1.0
    assert server_of(apart, A) == server


async def test_a_stopped_agent_keeps_no_gate_open(apart: Pair) -> None:
    process = apart.hosts[A].process
    assert process is not None
    writer = apart.writer(A)
    writer.start()
    await asyncio.sleep(0.3)
    began = steady.monotonic()
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(TERMS.length + 0.7)
    assert writer.last < began + TERMS.length + 0.1
    process.send_signal(signal.SIGCONT)
    await apart.gateway.until(lambda: writer.last > began + TERMS.length + 0.7, 20.0)
    await writer.stop()


async def test_an_old_primary_that_boots_alone_stays_closed_and_rejoins_later(up: Pair) -> None:
    await up.hosts[A].stop()
    end_servers(up.hosts[A].folder)
    up.gateway.leaders = {}
    up.hosts[A].boot = "b1" * 16
    await up.back(A)
    await up.until(A, state="down")
    await asyncio.sleep(2.0)
    assert server_of(up, A) == 0
    up.epoch, up.leader, up.is_degraded = 2, B, True
    up.gateway.leaders = {B: 2}
    assert (await up.order(B, "promote")).state == "done"
    assert await up.writer(B).try_write(-1)
    await up.desire()
    await up.until(A, 40.0, state="running", role="standby", follows=B)


async def test_a_fenced_primary_stays_fenced_over_a_reboot(up: Pair) -> None:
    assert (await up.order(A, "fence")).state == "done"
    await up.hosts[A].stop()
    end_servers(up.hosts[A].folder)
    up.hosts[A].boot = "b1" * 16
    await up.back(A)
    await up.desire()
    await up.until(A, state="fenced")
    await asyncio.sleep(1.5)
    assert server_of(up, A) == 0
    up.epoch = 2
    await up.desire()
    await up.until(A, 30.0, state="running", gate="open")
    assert await up.writer(A).try_write(-1)


async def test_a_starter_serves_on_without_anybody_and_starts_from_its_own_disk(
    pair: Pair,
) -> None:
    del pair.hosts[B]
    pair.lease, pair.is_synchronous = None, False
    pair.hosts[A].start()
    await pair.enrolled(A)
    await pair.desire()
    await pair.until(A, 30.0, state="running", gate="none", is_writable=True)
    await pair.writer(A).make_table()
    await pair.gateway.close()
    await asyncio.sleep(TERMS.length + 0.5)
    assert await pair.writer(A).try_write(1)
    await pair.hosts[A].stop()
    end_servers(pair.hosts[A].folder)
    pair.hosts[A].boot = "b1" * 16
    pair.hosts[A].start()
    await until(lambda: pair.writer(A).try_write(2))
    assert await pair.writer(A).numbers() == {1, 2}


async def test_a_starters_disk_on_another_host_serves_there_and_nothing_empty_does_before(
    pair: Pair,
) -> None:
    spare = pair.hosts.pop(B)
    pair.lease, pair.is_synchronous = None, False
    pair.hosts[A].start()
    await pair.enrolled(A)
    await pair.desire()
    await pair.until(A, 30.0, state="running", gate="none", is_writable=True)
    await pair.writer(A).make_table()
    assert await pair.writer(A).try_write(1)
    dead = pair.hosts[A]
    await dead.stop()
    end_servers(dead.folder)
    pair.hosts[A], pair.epoch, pair.peer_ports[A] = spare, 2, pair.peer_ports[B]
    spare.start()
    await pair.enrolled(A)
    await pair.desire()
    await pair.until(A, epoch=2, is_writable=False)
    await asyncio.sleep(2.0)
    assert server_of(pair, A) == 0, "an empty one is never made in its place"
    await spare.stop()
    end_servers(spare.folder)
    _attach(dead.folder, spare.folder)
    await pair.back(A)
    await pair.desire()
    await pair.until(A, 30.0, state="running", is_writable=True, epoch=2)
    assert await pair.writer(A).numbers() == {1}
    assert await pair.writer(A).try_write(2)


def _attach(old: Path, new: Path) -> None:
    """The disk with the replica's folder goes from one host to the other."""
    (there,) = old.rglob(A)
    place = new / there.relative_to(old)
    shutil.rmtree(place)
    there.rename(place)


async def test_an_asynchronous_primary_that_nobody_hears_closes_early(up: Pair) -> None:
    up.is_synchronous = False
    await up.desire()
    await asyncio.sleep(2 * TERMS.every)
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    await up.hosts[B].stop()
    began = steady.monotonic()
    await up.gateway.close()
    await asyncio.sleep(TERMS.length)
    await writer.stop()
    # the cut itself takes a moment; its lease alone would last 3 s
    assert began < writer.last < began + TERMS.early + 0.6


async def test_an_asynchronous_primary_that_a_peer_hears_goes_on(up: Pair) -> None:
    up.is_synchronous = False
    await up.desire()
    await asyncio.sleep(2 * TERMS.every)
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    began = steady.monotonic()
    await up.gateway.close()
    await asyncio.sleep(2 * TERMS.length)
    await writer.stop()
    assert writer.longest_gap(began, steady.monotonic() - 0.1) < 1.0


async def test_whoever_nobody_could_take_over_from_serves_without_a_lease(up: Pair) -> None:
    """The control plane withdraws the lease when the standby is lost, and grants a new one, of a
    new epoch, when it is back."""
    writer = up.writer(A)
    writer.start()
    began = steady.monotonic()
    up.lease, up.is_degraded = None, True
    await up.desire()
    await up.until(A, gate="none")
    up.gateway.leaders = {}
    await asyncio.sleep(TERMS.length + 1.0)
    assert up.fact(A).is_writable
    up.epoch, up.lease, up.is_degraded = 2, TERMS, False
    await up.desire()
    await up.until(A, gate="open", epoch=2)
    await asyncio.sleep(TERMS.length + 1.0)
    await writer.stop()
    assert writer.longest_gap(began + 0.5, steady.monotonic() - 0.1) < 1.0


def question(number: int, **changes: object) -> Question:
    fields: dict[str, object] = {"replica": A, "to": B, "epoch": 1, "span": 3.0}
    fields |= {"incarnation": 10**6, "number": number}
    return Question(**(fields | changes))  # type: ignore[arg-type]


async def test_a_promise_is_given_once_to_a_member_that_knows_the_secret(up: Pair) -> None:
    member = next(each for each in up.spec(A).members if each.replica == B)

    async def asked(letter: Question, secret: str = SECRET) -> bool:
        answer = await ask(secret, "shop", member, letter, source="", patience=2.0)
        return answer.promised

    with pytest.raises(NoAnswer):
        await asked(question(1), secret="guessed")
    assert await asked(question(1))
    assert not await asked(question(1))
    assert not await asked(question(2, to=A))
    assert not await asked(question(2, epoch=0))
    assert await asked(question(3))
    up.gateway.leaders = {}
    await up.order(B, "ask", epoch=2, take_over=True, by="a plan")
    assert not await asked(question(4))
    await up.order(B, "ask", give_again=("another",))
    assert not await asked(question(5))
    await up.order(B, "ask", give_again=("a plan",))
    assert await asked(question(6)), "the plan gave up"
    await up.order(B, "ask", epoch=2, take_over=True)
    await up.order(B, "ask", give_again=("a plan", ""))
    assert not await asked(question(7)), "who leads by now took it for good"


async def test_orders_of_a_lower_database_epoch_are_refused(up: Pair) -> None:
    await fail_over(up)
    late = replace(up, epoch=1, leader=A)
    for verb in ("promote", "fence", "restart", "rejoin", "ask"):
        order = wire.DatabaseOrder(
            operation=f"late-{verb}",
            epoch=1,
            verb=verb,
            database=late.spec(B),
        )
        await up.gateway.send(up.hosts[B].name, order)
        assert (await up.outcome(B, order)).state == "refused"
    assert await up.writer(B).try_write(-1)


async def killed_and_back(pair: Pair, replica: str) -> None:
    """SIGKILL of its agent, and a new one."""
    host = pair.hosts[replica]
    host.kill()
    pair.gateway.member(host.name).socket = None
    host.spawn()
    await pair.enrolled(replica)


async def until_done(pair: Pair, replica: str, order: wire.DatabaseOrder) -> None:
    """As the control plane does it: what failed for now is asked for again, as a new operation."""
    told = await pair.outcome(replica, order)
    for _ in range(5):
        if told.state == "done":
            break
        told = await pair.order(replica, order.verb)
    assert told.state == "done", told.detail


@pytest.mark.parametrize("seed", range(5))
async def test_a_promotion_happens_once_whenever_the_agent_is_killed(
    b_steady: Pair, seed: int
) -> None:
    pair = b_steady
    assert (await pair.order(A, "fence")).state == "done"
    pair.epoch, pair.leader, pair.is_degraded = 2, B, True
    pair.gateway.leaders = {B: 2}
    order = await pair.send(B, "promote")
    await asyncio.sleep(random.Random(seed).uniform(0.0, 0.6))
    await killed_and_back(pair, B)
    await pair.gateway.send(pair.hosts[B].name, order)
    await until_done(pair, B, order)
    await until(lambda: pair.writer(B).try_write(-1))
    await pair.until(B, epoch=2, role="primary", timeline=2)


async def test_a_promotion_that_was_broken_off_is_no_no_and_the_same_order_ends_it(
    up: Pair,
) -> None:
    """Its server froze and fell in the middle: nobody knows whether it leads, until it runs."""
    assert (await up.order(A, "fence")).state == "done"
    up.epoch, up.leader, up.is_degraded = 2, B, True
    up.gateway.leaders = {B: 2}
    os.kill(_startup_of(server_of(up, B)), signal.SIGSTOP)
    order = await up.send(B, "promote")
    (kept,) = (up.hosts[B].folder / "state").rglob(f"{B}/record.json")
    await up.gateway.until(lambda: json.loads(kept.read_text())["led"] == 2)
    os.kill(server_of(up, B), signal.SIGKILL)
    assert (await up.outcome(B, order)).state == "unknown"
    assert (await up.order(B, "promote")).state == "unknown"
    assert (await up.order(B, "restart")).state == "unknown"
    assert up.fact(B).role == "standby"
    assert (await up.order(B, "promote")).state == "done"
    assert await up.writer(B).try_write(-1)
    assert (up.fact(B).role, up.fact(B).timeline) == ("primary", 2)


def _startup_of(server: int) -> int:
    """The process that plays the log, which is the one that a promotion waits for."""
    return next(
        pid
        for pid in processes.tree(server)
        if b"startup" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )


@pytest.mark.parametrize("seed", range(3))
async def test_a_fence_has_its_receipt_whenever_the_agent_is_killed(
    a_steady: Pair, seed: int
) -> None:
    order = await a_steady.send(A, "fence")
    await asyncio.sleep(random.Random(seed).uniform(0.0, 0.3))
    await killed_and_back(a_steady, A)
    await a_steady.gateway.send(a_steady.hosts[A].name, order)
    done = await a_steady.outcome(A, order)
    assert done.state == "done"
    assert done.receipt
    assert not await a_steady.writer(A).try_write(-1, 1.0)


@pytest.mark.parametrize("seed", range(3))
async def test_a_restart_happens_once_whenever_the_agent_is_killed(
    a_steady: Pair, seed: int
) -> None:
    os.kill(server_of(a_steady, A), signal.SIGKILL)
    await a_steady.until(A, state="down")
    order = await a_steady.send(A, "restart")
    await asyncio.sleep(random.Random(seed).uniform(0.0, 0.6))
    await killed_and_back(a_steady, A)
    await a_steady.gateway.send(a_steady.hosts[A].name, order)
    await until_done(a_steady, A, order)
    await until(lambda: a_steady.writer(A).try_write(-1))


@pytest.mark.parametrize("seed", range(3))
async def test_a_rejoin_is_finished_whenever_the_agent_is_killed(a_steady: Pair, seed: int) -> None:
    await fail_over(a_steady)
    order = await a_steady.send(A, "rejoin")
    await asyncio.sleep(random.Random(seed).uniform(0.0, 1.5))
    await killed_and_back(a_steady, A)
    await a_steady.gateway.send(a_steady.hosts[A].name, order)
    done = await a_steady.outcome(A, order)
    assert done.state == "done", done.detail
    await a_steady.until(A, 30.0, state="running", role="standby", follows=B)
