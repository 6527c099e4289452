"""A lab host as the network sees it, with and without root."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

import pytest

from recovery.adapters.containers import proc
from recovery.agent import kernel
from recovery.core import wire
from recovery.core.errors import Refused
from recovery.lab import processes
from recovery.lab.addresses import BACK_DOOR
from tests.lab.conftest import RunningLab, connects
from tests.support.clocks.steady import steady
from tests.support.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def kernel_of(lab: RunningLab, host: str, port: int) -> str:
    """What its kernel says; a look that this process slept through says nothing, so another."""
    for _ in range(5):
        said = await kernel.look(lab.hosts[host].address, port, 0.4)
        if said != "unknown":
            break
    return said


async def resets(lab: RunningLab, host: str, port: int) -> bool:
    return await kernel_of(lab, host, port) == "resets"


async def read_now(reader: asyncio.StreamReader, seconds: float = 0.5) -> bytes | None:
    """What comes within the time: None is silence, b"" the connection's end."""
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(4096)
    except TimeoutError:
        return None


async def test_a_host_killed_in_a_shell_falls_silent_within_a_blink(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    address = lab.hosts["one-a"].address
    reader, writer = await asyncio.open_connection(address, container.port)
    writer.write(GET)
    assert b"shop-seat" in (await read_now(reader) or b"")
    assert await kernel_of(lab, "one-a", 21890) == "resets"

    os.kill(await lab.pid("one-a"), signal.SIGKILL)
    await asyncio.sleep(0.05)
    assert await kernel_of(lab, "one-a", container.port) == "silent"
    assert await kernel_of(lab, "one-a", 21890) == "silent"
    writer.write(GET)
    assert await read_now(reader) is None
    writer.close()
    beats = lab.beats("one-a")
    await asyncio.sleep(1.5)
    assert lab.beats("one-a") == beats


async def test_nothing_of_a_killed_host_survives(lab: RunningLab) -> None:
    await lab.place("one-a", "one", "two")
    pid = await lab.pid("one-a")
    below = processes.tree(pid)
    assert len(below) == 4
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not any((found := proc.stat(p)) and found.is_alive for p in below), 2.0)


async def test_no_end_of_a_connection_leaks_out_of_a_dying_host(lab: RunningLab) -> None:
    """Many kept connections: not one may see a FIN or a reset when the host dies."""
    container = await lab.place("one-a")
    address = lab.hosts["one-a"].address
    pairs = [await asyncio.open_connection(address, container.port) for _ in range(40)]
    for _, writer in pairs:
        writer.write(GET)
    for reader, _ in pairs:
        assert await read_now(reader)
    os.kill(await lab.pid("one-a"), signal.SIGKILL)
    ends = await asyncio.gather(*(read_now(reader, 1.0) for reader, _ in pairs))
    assert set(ends) == {None}
    for _, writer in pairs:
        writer.close()


async def test_a_crashed_container_is_a_reset_not_silence(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    reader, writer = await asyncio.open_connection(lab.hosts["one-a"].address, container.port)
    writer.write(GET)
    assert await read_now(reader)
    for pid in processes.tree(await lab.pid("one-a")):
        if proc.environment_value(pid, "TOCSIN_SEAT").startswith("seat:"):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ConnectionResetError):
        assert await read_now(reader, 1.0) == b""
    writer.close()
    assert await kernel_of(lab, "one-a", 21890) == "resets"
    await until(lambda: connects(lab.hosts["one-a"].address, container.port))


async def test_a_hung_host_accepts_connections_and_answers_nothing(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    await lab.ask("hang", host="one-a")
    assert await kernel_of(lab, "one-a", 21890) == "resets"
    reader, writer = await asyncio.open_connection(lab.hosts["one-a"].address, container.port)
    writer.write(GET)
    assert await read_now(reader, 1.0) is None
    beats = lab.beats("one-a")
    await asyncio.sleep(1.5)
    assert lab.beats("one-a") == beats
    await lab.ask("heal", host="one-a")
    assert await read_now(reader, 2.0)
    writer.close()
    await lab.gateway.until(lambda: lab.beats("one-a") > beats)


@pytest.mark.parametrize("verb", ["kill-agent", "stop-agent"])
async def test_without_its_agent_a_host_keeps_serving(lab: RunningLab, verb: str) -> None:
    container = await lab.place("one-a")
    below = processes.tree(await lab.pid("one-a"))
    reader, writer = await asyncio.open_connection(lab.hosts["one-a"].address, container.port)
    await lab.ask(verb, host="one-a")
    killed = time.monotonic()
    for _ in range(5):
        writer.write(GET)
        assert await read_now(reader)
        await asyncio.sleep(0.1)
    writer.close()
    if verb == "stop-agent":
        beats = lab.beats("one-a")
        await asyncio.sleep(1.5)
        assert lab.beats("one-a") == beats
        await lab.ask("heal", host="one-a")
    await lab.gateway.until(lambda: lab.gateway.member("one-a").beats[-1][0] > killed + 0.7)
    after = processes.tree(await lab.pid("one-a"))
    assert len(after) == len(below)


async def test_an_isolated_host_serves_everybody_but_the_control_plane(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    await lab.ask("isolate", host="one-a")
    await asyncio.sleep(0.1)
    beats, frames = lab.beats("one-a"), len(lab.gateway.member("one-a").frames)
    await asyncio.sleep(1.5)
    assert (lab.beats("one-a"), len(lab.gateway.member("one-a").frames)) == (beats, frames)
    assert await connects(lab.hosts["one-a"].address, container.port)
    assert await kernel_of(lab, "one-a", 21890) == "resets"
    assert await kernel_of(lab, "one-a", 21890 + BACK_DOOR) == "silent"
    await lab.ask("heal", host="one-a")
    await lab.gateway.until(lambda: lab.beats("one-a") > beats, 10.0)
    await until(lambda: resets(lab, "one-a", 21890 + BACK_DOOR))


async def test_a_severed_host_serves_nobody_and_is_heard_by_the_control_plane(
    lab: RunningLab,
) -> None:
    container = await lab.place("one-a")
    await lab.ask("sever", host="one-a")
    beats = lab.beats("one-a")
    await lab.gateway.until(lambda: lab.beats("one-a") >= beats + 2)
    assert not await connects(lab.hosts["one-a"].address, container.port)
    assert await kernel_of(lab, "one-a", 21890) == "silent"
    await lab.ask("heal", host="one-a")
    await until(lambda: resets(lab, "one-a", 21890))


async def test_what_stood_still_before_a_hang_stands_still_after_it(lab: RunningLab) -> None:
    await lab.place("one-a")
    first = await lab.pid("one-a")
    agent = processes.agent_of(first)
    held = next(pid for pid in processes.tree(first)[1:] if pid != agent)
    processes.send(held, signal.SIGSTOP)
    await until(lambda: processes.stopped(first) == {held})
    await lab.ask("hang", host="one-a")
    await lab.ask("heal", host="one-a")
    await until(lambda: processes.stopped(first) == {held})
    processes.send(held, signal.SIGCONT)


async def test_an_isolation_of_the_way_in_lets_heartbeats_out(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    await lab.ask("isolate", host="one-a", way="in")
    beats = lab.beats("one-a")
    stop = wire.Order(operation="late", epoch=1, verb="stop", container=container)
    await lab.gateway.send("one-a", stop)
    await lab.gateway.until(lambda: lab.beats("one-a") >= beats + 2)
    assert not lab.gateway.frames("one-a", wire.Outcome)


async def test_a_partitioned_host_is_silent_to_all_and_comes_back_as_it_was(
    lab: RunningLab,
) -> None:
    container = await lab.place("one-a")
    reader, writer = await asyncio.open_connection(lab.hosts["one-a"].address, container.port)
    await lab.ask("partition", host="one-a")
    assert await kernel_of(lab, "one-a", container.port) == "silent"
    assert await kernel_of(lab, "one-a", 21890) == "silent"
    writer.write(GET)
    assert await read_now(reader) is None
    beats = lab.beats("one-a")
    await asyncio.sleep(1.2)
    assert lab.beats("one-a") == beats
    await lab.ask("heal", host="one-a")
    assert await read_now(reader, 10.0)  # the kernel sends again, each time twice as late
    writer.close()
    assert await connects(lab.hosts["one-a"].address, container.port)
    assert await kernel_of(lab, "one-a", 21890) == "resets"
    await lab.gateway.until(lambda: lab.beats("one-a") > beats)


@pytest.mark.parametrize("mode", ["relay"], indirect=True)
async def test_a_slow_host_answers_late(lab: RunningLab) -> None:
    """Between hosts and users the relay alone can do it: this kernel has no `tc netem`."""
    container = await lab.place("one-a")
    await lab.ask("slow", host="one-a", delay_ms=150, jitter_ms=50, loss=0.0)
    reader, writer = await asyncio.open_connection(lab.hosts["one-a"].address, container.port)
    asked, steadily = time.monotonic(), steady.monotonic()
    writer.write(GET)
    assert await read_now(reader, 3.0)
    writer.close()
    assert time.monotonic() - asked >= 0.3
    assert steady.monotonic() - steadily < 1.0


async def test_a_slow_host_loses_heartbeats(lab: RunningLab) -> None:
    await lab.ask("slow", host="one-a", loss=1.0)
    await asyncio.sleep(0.3)
    beats = lab.beats("one-a")
    await asyncio.sleep(1.5)
    assert lab.beats("one-a") == beats


async def test_peers_see_a_lost_host_as_silent(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    target = lab.gateway.member("one-a").host_id
    peer = wire.Peer(
        host_id=target,
        address=lab.hosts["one-a"].address,
        probe_port=21890,
        ports=(container.port,),
    )
    for observer in ("one-b", "two-a"):
        await lab.gateway.send(observer, wire.Probe(peers=(peer,)))
    sightings = lab.gateway.frames
    await lab.gateway.until(lambda: all(sightings(o, wire.Sighting) for o in ("one-b", "two-a")))
    seen = sightings("two-a", wire.Sighting)[-1]
    assert (seen.kernel, seen.answering, seen.asked) == ("resets", 1, 1)
    killed = steady.monotonic()
    await lab.ask("kill", host="one-a")
    await lab.gateway.until(
        lambda: all(
            (last := sightings(o, wire.Sighting)[-1]).kernel == "silent" and last.answering == 0
            for o in ("one-b", "two-a")
        )
    )
    assert steady.monotonic() - killed < 2.0


async def test_two_hosts_that_are_parted_lose_each_other_and_nobody_else(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    peer = wire.Peer(
        host_id=lab.gateway.member("one-a").host_id,
        address=lab.hosts["one-a"].address,
        probe_port=21890,
        ports=(container.port,),
    )
    for observer in ("one-b", "two-a"):
        await lab.gateway.send(observer, wire.Probe(peers=(peer,)))

    def answers(observer: str) -> int:
        seen = lab.gateway.frames(observer, wire.Sighting)
        return seen[-1].answering if seen else -1

    await lab.gateway.until(lambda: (answers("one-b"), answers("two-a")) == (1, 1))
    await lab.ask("part", host="one-b", other="one-a")
    assert (await lab.status("one-a"))["weather"] == "parted from one-b"
    await lab.gateway.until(lambda: (answers("one-b"), answers("two-a")) == (0, 1))
    await lab.ask("heal", host="one-a")
    assert [(await lab.status(host))["weather"] for host in lab.hosts] == ["", "", ""]
    await lab.gateway.until(lambda: (answers("one-b"), answers("two-a")) == (1, 1))


@pytest.mark.parametrize("seconds", [0.0, 3.0])
async def test_a_restarted_host_has_its_disk_and_a_new_boot(
    lab: RunningLab, seconds: float
) -> None:
    await lab.place("one-a")
    member = lab.gateway.member("one-a")
    assert member.hello is not None
    boot = member.hello.boot
    await lab.ask("kill", host="one-a")
    await asyncio.sleep(seconds)
    await lab.ask("restart", host="one-a")
    await lab.gateway.until(lambda: member.hello is not None and member.hello.boot != boot)
    assert len(lab.gateway.members) == 3
    last = member.frames[-1]
    await lab.gateway.until(lambda: member.frames[-1] is not last or member.containers == {})
    await lab.gateway.until(lambda: lab.gateway.states("one-a") == {})
    container = await lab.place("one-a")
    assert await connects(lab.hosts["one-a"].address, container.port)


async def test_a_datacenter_is_lost_at_once(lab: RunningLab) -> None:
    answer = await lab.ask("kill-datacenter", datacenter="ONE")
    assert answer["hosts"] == ["one-a", "one-b"]
    assert [(await lab.status(h))["state"] for h in lab.hosts] == ["down", "down", "up"]


WRONG: tuple[tuple[str, dict[str, object], str], ...] = (
    ("kill", {"host": "nobody"}, "host"),
    ("kill", {}, "host"),
    ("kill-datacenter", {"datacenter": "NONE"}, "datacenter"),
    ("slow", {"host": "one-a", "loss": 2}, "loss"),
    ("slow", {"host": "one-a", "delay_ms": "long"}, "delay_ms"),
    ("partition", {"host": "one-a", "way": "up"}, "way"),
    ("part", {"host": "one-a", "other": "one-a"}, "other"),
    ("burn", {"host": "one-a"}, "do"),
)


async def test_a_wrong_wish_is_refused_with_its_field_and_harms_nobody(lab: RunningLab) -> None:
    for verb, fields, field in WRONG:
        with pytest.raises(Refused) as refused:
            await lab.ask(verb, **fields)
        assert (verb, refused.value.field) == (verb, field)
    assert {(await lab.status(host))["state"] for host in lab.hosts} == {"up"}


async def test_nothing_is_left_when_the_daemon_is_killed(lab: RunningLab) -> None:
    await lab.place("one-a")
    pids = [await lab.pid(host) for host in lab.hosts]
    below = [pid for host in pids for pid in processes.tree(host)]
    lab.daemon.kill()
    lab.daemon.wait()
    await until(lambda: not any((found := proc.stat(p)) and found.is_alive for p in below), 2.0)


async def test_what_an_agent_says_is_in_its_hosts_log(lab: RunningLab) -> None:
    log = lab.folder / "lab" / "hosts" / "one-a" / "agent.log"
    await until(lambda: "enrolled as" in log.read_text())
