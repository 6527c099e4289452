"""Rows in doubt (B11): agents are met anew, and told nothing until a person settled them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import transaction
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from recovery.core import control, incarnations, wire
from recovery.core.clock import system
from recovery.core.models import Leader, LeaderBeat
from recovery.failover.actions.incarnations import recognise_incarnation, settle_incarnation
from recovery.failover.actions.leases import grant_lease
from recovery.inventory.actions import remember_host
from recovery.inventory.models import HostMemory
from tests.actions.failover.fleet import Pair, make_pair
from tests.gateway.agents import Stage, gateway, make_stage, receive, rows, session
from tests.gateway.test_renewals import grants, renewal
from tests.support.databases import Database
from tests.support.fleet import BY, NOW

KNOWN = 9
"""The leader's epoch that the agent says it has met."""


@pytest.fixture
def pair(fresh_database: Database) -> Pair:
    made = make_pair()
    grant_lease(database=made.database, replica=made.primary, actor=BY, reason="test", now=NOW)
    control.take_lead("one", seen_epoch=0, now=NOW)
    recognise_incarnation(actor=BY, now=NOW)
    return made


@pytest.fixture
def stage(pair: Pair, tmp_path: Path) -> Stage:
    return make_stage(tmp_path, pair.fleet)


@pytest.fixture
async def port(pair: Pair) -> AsyncIterator[int]:
    async with gateway() as port:
        yield port


def doubt(stage: Stage) -> None:
    with transaction.atomic():
        remember_host(host=stage.host.pk, leader_epoch=KNOWN, now=system.now())
        recognise_incarnation(actor=BY, now=system.now())


def settle(pair: Pair) -> None:
    without = [replica.host.name for replica in pair.replicas]
    newest = incarnations.newest()
    assert newest is not None
    settle_incarnation(
        number=newest.number, without=without, actor=BY, reason="I looked.", now=system.now()
    )


async def until_ended(socket: ClientConnection) -> None:
    """Hears all that is said until the socket ends."""
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()


async def test_every_agent_is_met_anew_when_the_rows_come_into_doubt(
    port: int, stage: Stage
) -> None:
    async with session(port, stage) as socket:
        await receive(socket, wire.Desired)
        await rows(doubt, stage)
        await until_ended(socket)
        assert socket.close_code == 1012


async def test_in_doubt_nobody_is_told_what_runs_and_no_lease_is_renewed(
    port: int, stage: Stage, pair: Pair
) -> None:
    await _in_doubt(port, stage)
    async with session(port, stage) as socket:
        await socket.send(wire.encode(renewal(pair, 1)))
        await socket.send(wire.encode(wire.Report(full=True, containers=(), desired_version=700)))
        assert await grants(socket) == []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await receive(socket, wire.Desired)


async def test_what_agents_know_is_written_down_and_what_follows_is_numbered_above_it(
    port: int, stage: Stage, pair: Pair
) -> None:
    await _in_doubt(port, stage)
    async with session(port, stage) as socket:
        await socket.send(wire.encode(wire.Report(full=True, containers=(), desired_version=700)))
        await rows(_until_known, stage, 700)
        await rows(settle, pair)
        desired = await receive(socket, wire.Desired)
        assert isinstance(desired, wire.Desired)
        assert desired.version > 700
        assert desired.epoch > KNOWN
        assert [one.epoch for one in desired.databases] == [2]


async def test_a_gateway_that_told_of_a_later_leader_than_the_rows_know_falls_silent(
    port: int, stage: Stage
) -> None:
    await rows(_lead, KNOWN)
    async with session(port, stage) as socket:
        desired = await receive(socket, wire.Desired)
        assert isinstance(desired, wire.Desired)
        assert desired.epoch == KNOWN
        await rows(_lead, 1)
        await until_ended(socket)
        assert socket.close_code == 1012


async def _in_doubt(port: int, stage: Stage) -> None:
    """Until the gateway knows it, by the end of a session that was open before."""
    async with session(port, stage) as socket:
        await rows(doubt, stage)
        await until_ended(socket)


def _lead(epoch: int) -> None:
    """The rows as a restore leaves them."""
    Leader.objects.update(epoch=epoch)
    LeaderBeat.objects.update(epoch=epoch)


def _until_known(stage: Stage, version: int) -> None:
    deadline = system.monotonic() + 5
    while system.monotonic() < deadline:
        if HostMemory.objects.filter(host=stage.host, desired_version=version).exists():
            return
    raise AssertionError("the agent's word was not written")
