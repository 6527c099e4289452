"""Agents that tell the truth, agents that lie, and what the rows say afterwards."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import httpx
import pytest
from django.db import OperationalError, connection
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus

from recovery.audit.models import AuditEntry
from recovery.core import control, transitions, wire
from recovery.core.clock import system
from recovery.gateway.state import OUTBOX, Session, State
from recovery.inventory.models import Container, Host, Placement
from recovery.operations.actions import admit_operations, request_operations
from recovery.operations.facts import Verb
from recovery.operations.models import Operation
from tests.gateway.agents import Stage, gateway, hello, make_stage, receive, rows, session
from tests.support.clocks.steady import steady
from tests.support.databases import Database
from tests.support.fleet import BY, NOW, make_fleet, seat


@pytest.fixture
def stage(fresh_database: Database, tmp_path: Path) -> Stage:
    return make_stage(tmp_path, make_fleet(alive=False))


def fact(placement: Placement, state: wire.ContainerState = "running") -> wire.ContainerFact:
    return wire.ContainerFact(
        placement=str(placement.pk),
        application="shop",
        container="shop-1",
        generation=placement.generation,
        state=state,
    )


async def until_state(placement: Placement, state: str) -> None:
    async with asyncio.timeout(30):
        while True:
            await rows(placement.refresh_from_db)
            if placement.state == state:
                return
            await asyncio.sleep(0.02)


async def test_an_agent_enrols_once_and_its_heartbeat_key_agrees(stage: Stage) -> None:
    async with gateway() as port:
        async with session(port, stage):
            pass
        async with session(port, stage):
            host = await rows(lambda: Host.objects.get(pk=stage.host.pk))
            secret = await rows(lambda: host.heartbeat_key.secret)
    assert secret == stage.identity.heartbeat_key
    assert host.address == "127.0.0.9"


async def refusal_of(port: int, frame_of: object) -> wire.Refusal:
    async with connect(f"ws://127.0.0.1:{port}/agent") as socket:
        challenge = await receive(socket, wire.Challenge)
        assert isinstance(challenge, wire.Challenge)
        assert callable(frame_of)
        await socket.send(wire.encode(frame_of(challenge.nonce)))
        refused = await receive(socket, wire.Refusal)
        assert isinstance(refused, wire.Refusal)
        return refused


async def test_a_wrong_or_used_token_is_refused_with_its_field(stage: Stage) -> None:
    async with gateway() as port:
        wrong = await refusal_of(port, lambda n: stage.identity.enrol("x", stage.host.name, n))
        async with session(port, stage):
            pass
        used = await refusal_of(
            port, lambda n: stage.identity.enrol(stage.token, stage.host.name, n)
        )
        other = await refusal_of(port, lambda n: stage.identity.enrol("x", "nobody", n))
    assert (wrong.field, used.field, other.field) == ("token", "token", "host")


async def test_a_hello_with_another_nonce_is_refused(stage: Stage) -> None:
    async with gateway() as port:
        async with session(port, stage):
            pass
        refused = await refusal_of(port, lambda _: hello(stage, "00" * 32))
    assert refused.field == "signature"


async def test_a_report_moves_only_seats_of_its_own_host(stage: Stage) -> None:
    def seats() -> tuple[Placement, Placement]:
        first, second = Container.objects.all()[:2]
        theirs = stage.fleet.hosts["mrs1-r1-h1"]
        return seat(first, stage.host, state="starting"), seat(second, theirs, state="starting")

    mine, foreign = await rows(seats)
    async with gateway() as port, session(port, stage) as socket:
        facts = (fact(mine), fact(foreign))
        await socket.send(wire.encode(wire.Report(full=True, containers=facts)))
        await until_state(mine, "running")
    await rows(foreign.refresh_from_db)
    assert foreign.state == "starting"


async def test_a_report_of_another_generation_changes_nothing(stage: Stage) -> None:
    def seats() -> Placement:
        return seat(Container.objects.all()[0], stage.host, state="starting", generation=3)

    mine = await rows(seats)
    old = wire.ContainerFact(
        placement=str(mine.pk), application="shop", container="s", generation=2, state="running"
    )
    async with gateway() as port, session(port, stage) as socket:
        await socket.send(wire.encode(wire.Report(full=False, containers=(old,))))
        await socket.send(wire.encode(wire.Report(full=False, containers=(fact(mine, "sick"),))))
        await until_state(mine, "sick")
        bodies = await rows(
            lambda: [e.body["action"] for e in AuditEntry.objects.filter(object_id=str(mine.pk))]
        )
    assert "running" not in bodies


def intended(stage: Stage) -> tuple[Placement, Operation]:
    placement = seat(Container.objects.all()[0], stage.host, state="planned")
    asked = request_operations(
        verb=Verb.START, placements=[placement], actor=BY, reason="test", now=NOW
    )
    admit_operations(operations=[asked[0].pk], actor=BY, reason="test", now=NOW)
    return placement, asked[0]


async def test_an_order_is_a_row_first_and_its_outcome_is_written_once(stage: Stage) -> None:
    placement, operation = await rows(intended, stage)
    async with gateway() as port, session(port, stage) as socket:
        desired = await receive(socket, wire.Desired)
        order = await receive(socket, wire.Order)
        assert isinstance(desired, wire.Desired)
        assert isinstance(order, wire.Order)
        assert order.operation == str(operation.pk)
        outcome = wire.Outcome(operation=order.operation, epoch=order.epoch, state="done")
        for _ in range(2):
            await socket.send(wire.encode(outcome))
        await socket.send(wire.encode(wire.Report(full=True, containers=(fact(placement),))))
        await until_state(placement, "running")
    await rows(operation.refresh_from_db)
    assert operation.state == "done"
    told = await rows(lambda: AuditEntry.objects.filter(object_id=str(operation.pk)).count())
    assert told == operation.version == 4  # created, intended, handed, done


async def test_an_order_whose_session_broke_is_sent_again_with_the_same_key(stage: Stage) -> None:
    _, operation = await rows(intended, stage)

    def age() -> None:
        row = Operation.objects.get(pk=operation.pk)
        transitions.amend(
            row,
            {"handed_at": system.now() - timedelta(minutes=1)},
            action="aged",
            actor=BY,
            reason="test",
            now=NOW,
        )

    async with gateway() as port:
        async with session(port, stage) as socket:
            first = await receive(socket, wire.Order)
        await rows(age)
    async with gateway() as port, session(port, stage) as socket:
        again = await receive(socket, wire.Order)
    assert isinstance(first, wire.Order)
    assert isinstance(again, wire.Order)
    assert again.operation == first.operation == str(operation.pk)


async def test_a_host_that_returns_does_not_wait_for_the_end_of_its_dead_socket(
    stage: Stage,
) -> None:
    """The old one answers no farewell: that takes the gateway ten seconds, and nobody else."""
    async with gateway() as port, session(port, stage) as dead:
        dead.transport.pause_reading()
        began = steady.monotonic()
        async with asyncio.timeout(30), session(port, stage) as socket:
            await receive(socket, wire.Desired)
        assert steady.monotonic() - began < 8
        dead.transport.abort()


class Stuck:
    """A dead host's socket: no frame is ever taken."""

    def __init__(self) -> None:
        self.aborted = 0
        self.transport = self

    async def send(self, frame: str) -> None:
        await asyncio.Event().wait()

    def abort(self) -> None:
        self.aborted += 1


async def test_a_socket_that_takes_nothing_holds_nobody_up_and_is_given_up_in_the_end() -> None:
    stuck = Stuck()
    dead = Session(uuid4(), "par1-a1", cast(ServerConnection, stuck), quarantined=False)
    writing = asyncio.create_task(dead.write())
    for _ in range(OUTBOX):
        dead.send(wire.Probe(peers=()))
    assert stuck.aborted == 0
    dead.send(wire.Probe(peers=()))
    assert stuck.aborted == 1
    writing.cancel()


async def test_what_an_earlier_leader_committed_is_sent_in_the_name_of_the_present_one(
    stage: Stage,
) -> None:
    """Its agent may have met the new leader already, and refuses orders of a lower epoch."""
    _, operation = await rows(intended, stage)

    def change_leader() -> None:
        for _ in range(3):
            seen, _ = control.read_beat()
            control.take_lead("next", seen_epoch=seen, now=NOW)

    await rows(change_leader)
    async with gateway() as port, session(port, stage) as socket:
        order = await receive(socket, wire.Order)
    assert isinstance(order, wire.Order)
    assert (order.operation, order.epoch) == (str(operation.pk), 3)
    assert operation.epoch < 3


async def test_the_rows_are_reached_over_one_connection_and_a_broken_one_is_replaced(
    fresh_database: Database,
) -> None:
    state = State(name="test", clock=system, heartbeat_to="", secret="")

    def backend(then: str = "") -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
            if then:
                cursor.execute(then)
        return int(pid)

    first = await state.rows(backend)
    assert await state.rows(backend) == first
    with pytest.raises(OperationalError):
        await state.rows(backend, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await state.rows(backend) != first
    await state.close()


async def test_malformed_frames_are_answered_with_the_field_and_the_session_goes_on(
    stage: Stage,
) -> None:
    placement = await rows(lambda: seat(Container.objects.all()[0], stage.host, state="starting"))
    async with gateway() as port, session(port, stage) as socket:
        for text, field in (
            ('{"type":"report","full":"yes","containers":[]}', "full"),
            ('{"type":"sudo"}', "type"),
            ("not json", ""),
            (
                '{"type":"sighting","target":"x","kernel":"silent","answering":0,"asked":0,'
                '"age_ms":0}',
                "target",
            ),
        ):
            await socket.send(text)
            refused = await receive(socket, wire.Refusal)
            assert isinstance(refused, wire.Refusal)
            assert refused.field == field
        await socket.send(wire.encode(wire.Report(full=True, containers=(fact(placement),))))
        await until_state(placement, "running")


async def test_what_was_refused_is_counted_for_whoever_watches_us(stage: Stage) -> None:
    async with gateway() as port, session(port, stage) as socket:
        await socket.send('{"type":"report","full":"yes","containers":[]}')
        await receive(socket, wire.Refusal)
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'tocsin_refused_total{field="full"} 1.0' in page
    assert "tocsin_agent_sessions 1.0" in page


async def test_the_controllers_link_wants_its_secret(stage: Stage) -> None:
    async with gateway() as port:
        with pytest.raises(InvalidStatus):
            async with connect(f"ws://127.0.0.1:{port}/control"):
                pass
