"""Checkpoints to hosts and cosignatures back, over a real gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from recovery.agent.witness import Witness
from recovery.alarms.models import Alarm
from recovery.audit import queries
from recovery.core import wire
from recovery.core.clock import system
from recovery.gateway import serve
from recovery.gateway.witnesses import AT_ONCE, FORKED, UNREADABLE, whose_turn, witness_keys
from recovery.sealer.seal import Sealer
from tests.actions.audit.ground import KEY, as_sealer, sealed, write
from tests.gateway.agents import Stage, gateway, hello, make_stage, receive, rows
from tests.support.databases import Database
from tests.support.fleet import make_fleet


@pytest.fixture
def stage(quiet_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(serve, "OFFER_SECONDS", 0.05)
    return make_stage(tmp_path, make_fleet(alive=False))


def witness(stage: Stage, folder: Path) -> Witness:
    identity = stage.identity
    public = identity.signing.public_key().public_bytes_raw()
    path = folder / "witness.json"
    return Witness(path, stage.host.name, public, identity.signing.sign, system)


async def open_session(socket: ClientConnection, stage: Stage, *, is_witness: bool) -> None:
    challenge = await receive(socket, wire.Challenge)
    assert isinstance(challenge, wire.Challenge)
    if not stage.identity.is_enrolled:
        enrol = stage.identity.enrol(stage.token, stage.host.name, challenge.nonce)
        await socket.send(wire.encode(enrol))
        enrolled = await receive(socket, wire.Enrolled)
        assert isinstance(enrolled, wire.Enrolled)
        stage.identity.accept(enrolled)
    greeting = hello(stage, challenge.nonce)
    fields = {name: getattr(greeting, name) for name in greeting.__struct_fields__}
    await socket.send(wire.encode(wire.Hello(**fields | {"witness": is_witness})))
    await receive(socket, wire.Welcome)


async def offered(socket: ClientConnection) -> wire.Checkpoint:
    frame = await receive(socket, wire.Checkpoint)
    assert isinstance(frame, wire.Checkpoint)
    return frame


def grow(sealer: Sealer) -> None:
    with as_sealer():
        write(3)
        sealer.round()
        sealer.sign()


async def test_a_witness_cosigns_each_growth_and_rings_at_a_log_that_was_cut(
    stage: Stage, tmp_path: Path
) -> None:
    sealer = await rows(sealed, tmp_path, 4)
    mine = witness(stage, tmp_path)
    async with gateway() as port, connect(f"ws://127.0.0.1:{port}/agent") as socket:
        await open_session(socket, stage, is_witness=True)
        first = await offered(socket)
        assert first.key == str(KEY.verifier)
        await socket.send(wire.encode(mine.take(first)))
        await until_cosigned(sealer.memory.size)
        await rows(grow, sealer)
        await socket.send(wire.encode(mine.take(await newer(socket, first))))
        await until_cosigned(sealer.memory.size)
        assert await rows(lambda: list(witness_keys())) == [stage.host.name]
        cut = wire.Checkpoint(key=first.key, note=first.note, old=sealer.memory.size)
        refused = mine.take(cut)
        await socket.send(wire.encode(refused))
        alarm = await ringing()
        assert f"{stage.host.name}: the log has shrunk" in alarm.body
        assert f"a checkpoint of {sealer.memory.size} leaves with our log's signature" in alarm.body
        await rows(grow, sealer)
        await socket.send(wire.encode(mine.take(await newer(socket, first))))
        await until_cosigned(sealer.memory.size)
        async with asyncio.timeout(30):
            while True:
                if (await rows(lambda: Alarm.objects.get(key=FORKED).state)) == "ended":
                    break
                await asyncio.sleep(0.02)


async def newer(socket: ClientConnection, first: wire.Checkpoint) -> wire.Checkpoint:
    while (frame := await offered(socket)).note == first.note:
        pass
    return frame


async def until_cosigned(size: int) -> None:
    async with asyncio.timeout(30):
        while True:
            if size in (await rows(queries.witnessed)).values():
                return
            await asyncio.sleep(0.02)


async def ringing(key: str = FORKED) -> Alarm:
    async with asyncio.timeout(30):
        while True:
            found = await rows(lambda: Alarm.objects.filter(key=key).first())
            if found is not None:
                assert found.severity == "page"
                return found
            await asyncio.sleep(0.02)


async def test_a_forged_cosignature_is_refused_and_a_conflict_is_answered_from_what_is_kept(
    stage: Stage, tmp_path: Path
) -> None:
    sealer = await rows(sealed, tmp_path, 4)
    mine = witness(stage, tmp_path)
    async with gateway() as port, connect(f"ws://127.0.0.1:{port}/agent") as socket:
        await open_session(socket, stage, is_witness=True)
        first = await offered(socket)
        good = mine.take(first)
        for forged in (
            {"line": good.line.replace("A", "B", 1)},
            {"line": good.line.replace(stage.host.name, "par1-r1-h2")},
            {"size": good.size + 1},
        ):
            fields = {name: getattr(good, name) for name in good.__struct_fields__} | forged
            await socket.send(wire.encode(wire.Cosigned(**fields)))
            assert await receive(socket, wire.Refusal)
        assert not await rows(queries.witnessed)
        await rows(grow, sealer)
        old = mine.take(await newer(socket, first))
        assert (old.judgement, old.kept) == ("conflict", good.size)
        await socket.send(wire.encode(old))
        while (frame := await offered(socket)).old != good.size:
            pass
        await socket.send(wire.encode(mine.take(frame)))
        await until_cosigned(sealer.memory.size)


async def test_an_agent_of_an_older_version_is_asked_for_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    await rows(sealed, tmp_path, 4)
    async with gateway() as port, connect(f"ws://127.0.0.1:{port}/agent") as socket:
        await open_session(socket, stage, is_witness=False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await offered(socket)


def put(database: Database, statement: str) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        for table in ("audit_leaf", "audit_checkpoint", "audit_key"):
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        superuser.execute(statement)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM audit_leaf WHERE index = 1",
        "UPDATE audit_checkpoint SET note = 'no note'",
        "DELETE FROM audit_key",
    ],
)
async def test_rows_of_the_log_that_are_gone_or_garbage_ring_and_end_no_session(
    stage: Stage, tmp_path: Path, quiet_database: Database, damage: str
) -> None:
    sealer = await rows(sealed, tmp_path, 4)
    mine = witness(stage, tmp_path)
    async with gateway() as port, connect(f"ws://127.0.0.1:{port}/agent") as socket:
        await open_session(socket, stage, is_witness=True)
        first = await offered(socket)
        answer = mine.take(first)
        await socket.send(wire.encode(answer))
        await until_cosigned(sealer.memory.size)
        await rows(grow, sealer)
        newest = await newer(socket, first)
        await rows(put, quiet_database, damage)
        alarm = await ringing(UNREADABLE)
        assert "manage.py audit verify" in alarm.body
        assert alarm.state == "raised"
        await socket.send(wire.encode(mine.take(newest)))
        await socket.ping()
        await socket.send(wire.encode(wire.Cosigned(judgement="conflict", size=0, kept=0)))
        assert await (await socket.ping()) >= 0, "the session stands"


async def test_an_answer_that_cannot_be_kept_ends_no_session(
    stage: Stage, tmp_path: Path, quiet_database: Database
) -> None:
    sealer = await rows(sealed, tmp_path, 4)
    mine = witness(stage, tmp_path)
    async with gateway() as port, connect(f"ws://127.0.0.1:{port}/agent") as socket:
        await open_session(socket, stage, is_witness=True)
        answer = mine.take(await offered(socket))
        await rows(put, quiet_database, "ALTER TABLE audit_cosignature RENAME TO away")
        await socket.send(wire.encode(answer))
        await offered(socket)
        await rows(put, quiet_database, "ALTER TABLE away RENAME TO audit_cosignature")
        await socket.send(wire.encode(answer))
        await until_cosigned(sealer.memory.size)


def test_hosts_that_never_answer_keep_no_other_from_its_turn() -> None:
    hosts = [UUID(int=number) for number in range(10)]
    silent, asked_at = set(hosts[:AT_ONCE]), dict[UUID, float]()
    witnessed = dict.fromkeys(hosts[AT_ONCE:], 1)
    for turn in range(4):
        asked = whose_turn(hosts, 9, witnessed, asked_at)
        assert len(asked) <= AT_ONCE
        asked_at |= dict.fromkeys(asked, float(turn))
        witnessed |= {host: 9 for host in asked if host not in silent}
    assert all(witnessed[host] == 9 for host in hosts if host not in silent)
