"""A drill host on the machine, or even the state folder, of an agent of production ends nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from recovery.adapters.containers.process import ProcessContainers
from recovery.agent.backups.restoring.bringing import Measured
from recovery.agent.disk import private_folder
from recovery.agent.drills.book import DrillBook
from recovery.agent.drills.keeper import DrillKeeper
from recovery.agent.drills.serving import keeper_of
from recovery.agent.drills.thing import Ground
from recovery.agent.engines import engine_for
from recovery.core.errors import BadConfiguration
from recovery.core.ports import Sight
from tests.agent.drills.test_drills import ADDRESS, approvals, config, listed


@dataclass
class Engine(ProcessContainers):
    """Has what somebody else started, as one that several share would."""

    seen: tuple[Sight, ...] = ()
    stopped: list[str] = field(default_factory=list)

    async def look(self) -> tuple[Sight, ...]:
        return self.seen

    async def stop(self, placement: str, grace: float) -> None:
        self.stopped.append(placement)

    async def close(self) -> None:
        return


def beside_others(folder: Path, engine: Engine) -> DrillKeeper:
    private_folder(folder / "drills")
    ground = Ground(
        folder / "drills", folder / "seats", folder / "backups", engine, ADDRESS, Measured()
    )
    return DrillKeeper(ground, DrillBook(folder / "drills.json"), approvals(folder), "b0" * 16)


async def test_what_the_engine_has_beyond_our_notes_is_told_and_never_stopped(
    tmp_path: Path,
) -> None:
    engine = Engine((Sight("a-seat-of-production", "shop", "c", 1, True),))
    keeper = beside_others(tmp_path, engine)
    await keeper.round()
    await keeper.take(listed(1))
    await keeper.round()
    assert engine.stopped == []
    assert [one.name for one in (await keeper.report()).left] == ["a-seat-of-production"]


@pytest.mark.parametrize("name", ["identity.json", "desired.json", "journal.jsonl", "databases/r1"])
def test_no_drill_begins_in_the_state_folder_of_an_agent_of_production(
    tmp_path: Path, name: str
) -> None:
    there = tmp_path / "state" / name
    there.parent.mkdir(parents=True)
    there.write_text("{}")
    with pytest.raises(BadConfiguration, match=f"an agent of production: it has {name}"):
        keeper_of(config(tmp_path))
    assert not (tmp_path / "state" / "drills").exists()


async def test_a_drill_host_asks_docker_for_containers_of_its_own_label(tmp_path: Path) -> None:
    """An agent of production of the same name on the same engine has others."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(unquote(head.decode().splitlines()[0]))
        body = b'{"ApiVersion": "1.44"}' if "/version" in asked[-1] else b"[]"
        words = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(words.encode() + body)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        docker = msgspec.structs.replace(
            config(tmp_path), adapter="docker", engine_url=f"tcp://127.0.0.1:{port}"
        )
        engine = await asyncio.to_thread(engine_for, docker, "b0" * 16)
        assert await engine.look() == ()
        await engine.close()
    assert '"tocsin.host=drill:drill-1"' in asked[-1]
