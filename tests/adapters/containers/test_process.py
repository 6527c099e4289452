"""What only the process adapter promises: adoption after a crash, limits, a capped log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from recovery.adapters.containers import proc
from recovery.adapters.containers.filling import fill
from recovery.adapters.containers.process import ProcessContainers
from recovery.adapters.containers.seat import MARK, OUTPUT_CAP, Seat, cap_output
from recovery.core.wire import Limits
from tests.adapters.containers.engines import ProcessEngine
from tests.support.waiting import until


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(tmp_path / "containers")
    yield engine
    await engine.close()


def test_only_known_placeholders_are_filled_and_once() -> None:
    values = {"host": "{port}", "port": "80"}
    assert fill(("{host}:{port}", "{other}", "{}", "{{port}}"), values) == [
        "{port}:80",
        "{other}",
        "{}",
        "{80}",
    ]


async def test_a_process_spawned_just_before_a_crash_is_found_by_its_mark(
    engine: ProcessEngine, tmp_path: Path
) -> None:
    spec = engine.spec()
    await engine.port.start(spec)
    before = await engine.answer(spec)
    path = tmp_path / "containers" / "seat" / "seat.json"
    seat = msgspec.json.decode(path.read_bytes(), type=Seat)
    seat.pid, seat.started = 0, 0
    path.write_bytes(msgspec.json.encode(seat))
    await engine.another()
    await engine.port.start(spec)
    assert await engine.answer(spec) == before


async def test_a_seat_whose_pid_belongs_to_another_process_is_ended_and_harms_nobody(
    engine: ProcessEngine, tmp_path: Path
) -> None:
    await engine.port.start(engine.spec())
    await engine.port.stop("seat", grace=1.0)
    stranger = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=subprocess.PIPE
    )
    folder = tmp_path / "containers" / "seat"
    folder.mkdir()
    seat = Seat(spec=engine.spec(), boot="b0" * 16, mark="seat:x", pid=stranger.pid, started=1)
    (folder / "seat.json").write_bytes(msgspec.json.encode(seat))
    await engine.another()
    (sight,) = await engine.port.look()
    assert not sight.running
    await engine.port.stop("seat", grace=0.1)
    assert stranger.returncode is None
    await stranger.communicate(b"\n")


async def test_what_an_earlier_boot_left_is_cleared(engine: ProcessEngine, tmp_path: Path) -> None:
    folder = tmp_path / "containers" / "old"
    folder.mkdir()
    seat = Seat(spec=engine.spec(placement="old"), boot="a0" * 16, mark="old:x", pid=1, started=1)
    (folder / "seat.json").write_bytes(msgspec.json.encode(seat))
    (tmp_path / "containers" / "torn").mkdir()
    (tmp_path / "containers" / "torn" / "seat.json").write_text('{"sp')
    await engine.another()
    assert await engine.port.look() == ()
    assert list((tmp_path / "containers").iterdir()) == []


async def test_the_whole_session_ends_with_its_container(
    engine: ProcessEngine, tmp_path: Path
) -> None:
    sleeper = "'import time; time.sleep(99)'"
    child = (
        f"import subprocess,sys,time; subprocess.Popen([sys.executable,'-c',{sleeper}]);"
        "open('ready','w'); time.sleep(99)"
    )
    spec = engine.spec(command=("{python}", "-c", child))
    await engine.port.start(spec)
    await engine.until_ready(spec)
    marked = [p for p in proc.pids() if proc.environment_value(p, MARK).startswith("seat:")]
    mine = [p for p in marked if str(tmp_path) in proc.environment_value(p, "HOME")]
    assert len(mine) == 2
    await engine.port.stop("seat", grace=1.0)
    await until(lambda: not any((found := proc.stat(p)) and found.is_alive for p in mine))


async def test_the_environment_of_the_agent_does_not_reach_the_container(
    engine: ProcessEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://secret")
    spec = engine.spec()
    await engine.port.start(spec)
    path = tmp_path / "containers" / "seat" / "seat.json"
    pid = msgspec.json.decode(path.read_bytes(), type=Seat).pid
    assert proc.environment_value(pid, "TOCSIN_DATABASE_URL") == ""
    assert proc.environment_value(pid, "TOCSIN_CONTAINER") == "shop-1"


async def test_memory_beyond_the_limit_is_refused(engine: ProcessEngine) -> None:
    greedy = "import time; time.sleep(0.2); x = bytearray(200 * 1024 * 1024)"
    spec = engine.spec(command=("{python}", "-c", greedy), limits=Limits(100, 64))
    await engine.port.start(spec)

    async def has_ended() -> bool:
        return not (await engine.port.look())[0].running

    await until(has_ended)
    assert "exit code 1" in (await engine.port.look())[0].ended


def test_a_log_keeps_its_newest_half_when_it_grows_too_long(tmp_path: Path) -> None:
    (tmp_path / "output.log").write_bytes(b"a" * OUTPUT_CAP + b"the end")
    cap_output(tmp_path)
    kept = (tmp_path / "output.log").read_bytes()
    assert len(kept) == OUTPUT_CAP // 2
    assert kept.endswith(b"the end")


def test_a_process_is_told_from_its_successor_with_the_same_pid() -> None:
    own = proc.stat(os.getpid())
    assert own is not None
    assert own.is_alive
    assert own.started_seconds > 0
    assert proc.stat(2**22 + 1) is None


def test_the_adapter_is_named() -> None:
    assert ProcessContainers.name == "process"
