"""A lease is renewed by its holder's own host alone, and granted after the commit only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest
from django.db import transaction
from websockets.asyncio.client import ClientConnection

from recovery.core import wire
from recovery.failover.actions import leases
from recovery.failover.models import Lease
from recovery.inventory.models import ReplicaSight
from tests.actions.failover.fleet import Pair, make_pair
from tests.gateway.agents import Stage, gateway, make_stage, receive, rows, session
from tests.support.databases import Database
from tests.support.fleet import BY, NOW

QUIET_SECONDS = 0.6
"""Several batches: what is granted at all is granted by then."""


@pytest.fixture
def pair(fresh_database: Database) -> Pair:
    made = make_pair()
    leases.grant_lease(
        database=made.database, replica=made.primary, actor=BY, reason="test", now=NOW
    )
    return made


@pytest.fixture
def stage(pair: Pair, tmp_path: Path) -> Stage:
    return make_stage(tmp_path, pair.fleet)


@asynccontextmanager
async def agent(stage: Stage) -> AsyncIterator[ClientConnection]:
    async with gateway() as port, session(port, stage) as socket:
        yield socket


def renewal(pair: Pair, sequence: int, echo: int | None = None) -> wire.Renewal:
    return wire.Renewal(
        replica=str(pair.primary.pk),
        epoch=1,
        incarnation=1,
        sequence=sequence,
        echo=sequence - 1 if echo is None else echo,
        position=sequence * 100,
    )


async def grants(socket: ClientConnection) -> list[int]:
    """The numbers that were granted until it was quiet."""
    found = []
    try:
        async with asyncio.timeout(QUIET_SECONDS):
            while True:
                frame = wire.decode_from_gateway(await socket.recv())
                if isinstance(frame, wire.Grant):
                    found.append(frame.sequence)
    except TimeoutError:
        return found


def lease() -> tuple[int, int, int, int]:
    row = Lease.objects.get()
    return row.incarnation, row.sequence, row.echo, row.position


async def test_a_renewal_is_a_committed_row_before_it_is_granted(stage: Stage, pair: Pair) -> None:
    async with agent(stage) as socket:
        await socket.send(wire.encode(renewal(pair, 1)))
        grant = await receive(socket, wire.Grant)
        assert await rows(lease) == (1, 1, 0, 100)
        assert grant == wire.Grant(replica=str(pair.primary.pk), epoch=1, incarnation=1, sequence=1)
    row = await rows(Lease.objects.get)
    assert row.version == 1, "a renewal is no change that the log tells of"


@pytest.mark.parametrize(
    "other",
    [{"epoch": 2}, {"epoch": 0}, {"incarnation": 0}, {"replica": str(uuid4())}],
    ids=["a higher epoch", "a lower epoch", "an older incarnation", "an unknown replica"],
)
async def test_what_is_not_its_lease_gets_no_grant(
    stage: Stage, pair: Pair, other: dict[str, object]
) -> None:
    async with agent(stage) as socket:
        await socket.send(wire.encode(renewal(pair, 5)))
        assert await grants(socket) == [5]
        await socket.send(wire.encode(msgspec.structs.replace(renewal(pair, 6), **other)))
        assert await grants(socket) == []
    assert (await rows(lease))[:2] == (1, 5)


async def test_a_replayed_or_late_renewal_gets_no_grant(stage: Stage, pair: Pair) -> None:
    async with agent(stage) as socket:
        for sequence in (3, 4):
            await socket.send(wire.encode(renewal(pair, sequence)))
            assert await grants(socket) == [sequence]
        for sequence in (4, 3, 1):
            await socket.send(wire.encode(renewal(pair, sequence)))
        assert await grants(socket) == []


async def test_another_host_renews_nothing(pair: Pair, tmp_path: Path) -> None:
    theirs = await rows(make_stage, tmp_path, pair.fleet, "par1-r2-h1")
    async with agent(theirs) as socket:
        await socket.send(wire.encode(renewal(pair, 1)))
        assert await grants(socket) == []
    assert (await rows(lease))[:2] == (0, 0)


def revoke(pair: Pair) -> None:
    with transaction.atomic():
        leases.revoke_lease(
            database=pair.database, seen=(1, 1, 1), actor=BY, reason="test", now=NOW
        )


async def test_a_revoked_lease_is_renewed_by_nobody(stage: Stage, pair: Pair) -> None:
    async with agent(stage) as socket:
        await socket.send(wire.encode(renewal(pair, 1)))
        assert await grants(socket) == [1]
        await rows(revoke, pair)
        await socket.send(wire.encode(renewal(pair, 2)))
        assert await grants(socket) == []


async def test_who_does_not_hear_us_is_granted_nothing_more_and_heals_by_its_echo(
    stage: Stage, pair: Pair
) -> None:
    """B7: the fast profile renews each 0.5 s; 1.5 s without an echo is enough."""
    async with agent(stage) as socket:
        loop = asyncio.get_running_loop()
        began, sequence = loop.time(), 0
        while loop.time() - began < 2.2:
            sequence += 1
            await socket.send(wire.encode(renewal(pair, sequence, echo=0)))
            await asyncio.sleep(0.2)
        stood = (await rows(lease))[1]
        assert stood < sequence
        assert max(await grants(socket)) == stood, "only the last grant is repeated"
        await socket.send(wire.encode(renewal(pair, sequence + 1, echo=stood)))
        assert await grants(socket) == [sequence + 1]


async def test_a_locked_lease_stands_in_no_other_ones_way(
    stage: Stage, pair: Pair, fresh_database: Database
) -> None:
    """A leader that is stopped with the row in its hand must not fence the fleet."""
    async with agent(stage) as socket:
        with psycopg.connect(fresh_database.url) as held:
            held.execute("SELECT 1 FROM failover_lease FOR UPDATE")
            await socket.send(wire.encode(renewal(pair, 1)))
            await asyncio.sleep(0.4)
            assert (await rows(lease))[1] == 0
        assert await grants(socket) == [1], "its row was locked for a moment only"


async def test_a_report_of_a_foreign_replica_is_refused_and_its_own_is_written(
    stage: Stage, pair: Pair
) -> None:
    def fact(replica: object) -> wire.ReplicaFact:
        return wire.ReplicaFact(
            replica=str(replica), epoch=1, state="running", role="primary", position=7
        )

    async with agent(stage) as socket:
        told = (fact(pair.primary.pk), fact(pair.standby.pk))
        await socket.send(wire.encode(wire.DatabaseReport(replicas=told)))
        refused = await receive(socket, wire.Refusal)
    assert isinstance(refused, wire.Refusal)
    assert refused.field == "replicas"
    assert str(pair.standby.pk) in refused.message
    assert await rows(lambda: [s.replica_id for s in ReplicaSight.objects.all()]) == [
        pair.primary.pk
    ]


async def test_a_host_is_told_its_databases_with_terms_while_there_is_a_lease(
    stage: Stage, pair: Pair
) -> None:
    async with agent(stage) as socket:
        desired = await receive(socket, wire.Desired)
        assert isinstance(desired, wire.Desired)
        (spec,) = desired.databases
    assert (spec.replica, spec.role, spec.epoch) == (str(pair.primary.pk), "primary", 1)
    assert spec.lease is not None
    assert spec.lease.length == 6
    assert [(m.role, m.may_be_promoted) for m in spec.members] == [
        ("primary", True),
        ("standby", True),
    ]


async def _granted(socket: ClientConnection, sequence: int) -> None:
    """However busy the machine is."""
    grant = await receive(socket, wire.Grant)
    assert isinstance(grant, wire.Grant)
    assert grant.sequence == sequence


async def test_a_host_that_speaks_for_anothers_primary_does_not_silence_it(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    """Both renewals come within one batch, the stranger's last (A3)."""
    theirs = await rows(make_stage, tmp_path, pair.fleet, "par1-r2-h1")
    async with gateway() as port, session(port, stage) as socket, session(port, theirs) as stranger:
        for sequence in (1, 2, 3):
            await socket.send(wire.encode(renewal(pair, sequence)))
            await asyncio.sleep(0.02)
            await stranger.send(wire.encode(renewal(pair, 900 + sequence, echo=0)))
            await _granted(socket, sequence)
        assert await grants(stranger) == []
    assert (await rows(lease))[:2] == (1, 3)


@pytest.mark.parametrize("field", ["sequence", "echo", "position", "incarnation", "epoch"])
async def test_a_number_that_fits_into_no_row_is_refused_alone(
    stage: Stage, pair: Pair, tmp_path: Path, field: str
) -> None:
    theirs = await rows(make_stage, tmp_path, pair.fleet, "par1-r2-h1")
    async with gateway() as port, session(port, stage) as socket, session(port, theirs) as stranger:
        await socket.send(wire.encode(renewal(pair, 1)))
        bad = msgspec.to_builtins(renewal(pair, 7)) | {"type": "renewal", field: 2**63}
        await stranger.send(json.dumps(bad))
        refusal = await receive(stranger, wire.Refusal)
        assert isinstance(refusal, wire.Refusal)
        assert refusal.field == field
        await _granted(socket, 1)
        await socket.send(wire.encode(renewal(pair, 2)))
        await _granted(socket, 2)


@pytest.mark.parametrize(
    "part", ['"detail":"a\\u0000b"', '"healthy_ms":1' + "0" * 400, f'"position":{2**63}']
)
async def test_a_report_that_fits_into_no_row_is_refused_and_its_session_lives_on(
    stage: Stage, pair: Pair, part: str
) -> None:
    head = f'"replica":"{pair.primary.pk}","epoch":1,"state":"running","role":"primary"'
    async with agent(stage) as socket:
        await socket.send(f'{{"type":"databasereport","replicas":[{{{head},{part}}}]}}')
        await receive(socket, wire.Refusal)
        fine = '"detail":"\\\\u0000 cannot be converted to text"'
        await socket.send(f'{{"type":"databasereport","replicas":[{{{head},{fine}}}]}}')
        await socket.send(wire.encode(renewal(pair, 1)))
        await _granted(socket, 1)
    assert (await rows(ReplicaSight.objects.get)).fact["detail"].startswith("\\u0000 cannot")
