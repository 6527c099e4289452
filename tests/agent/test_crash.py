"""An agent that is killed at any moment: containers stay, orders have their effect once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from recovery.adapters.containers import proc
from recovery.adapters.containers.seat import MARK
from recovery.agent.journal import Journal
from recovery.core import wire
from tests.agent.conftest import Host, spec
from tests.agent.gateway import Gateway
from tests.agent.test_session import fetch, pid_of


def processes_of(placement: str, host: Host) -> list[int]:
    """Every process that carries the placement's mark and works in this host's folder."""
    found = []
    for pid in proc.pids():
        if proc.environment_value(pid, MARK).startswith(f"{placement}:"):
            home = proc.environment_value(pid, "HOME")
            if Path(home).is_relative_to(host.folder):
                found.append(pid)
    return found


@pytest.fixture
async def apart(host: Host, gateway: Gateway) -> Host:
    """The agent as a process of its own, enrolled."""
    host.spawn()
    await gateway.until(lambda: gateway.member(host.name).socket)
    await gateway.desire(host.name)
    return host


def intend(host: Host, order: wire.Order) -> None:
    """The journal as it is when the agent dies between the intent and the act."""
    journal = Journal(host.folder / "state" / "journal.jsonl", host.boot)
    journal.intend(order)
    journal.close()


async def back(host: Host, gateway: Gateway) -> None:
    """Starts the killed agent again and waits for its session."""
    gateway.member(host.name).socket = None
    gateway.member(host.name).containers.clear()
    host.spawn()
    await gateway.until(lambda: gateway.member(host.name).socket)


async def test_containers_outlive_their_agent_and_are_adopted(
    apart: Host, gateway: Gateway
) -> None:
    container = spec()
    listed = await gateway.desire(apart.name, container)
    await gateway.until(lambda: gateway.states(apart.name).get("seat-1") == "running")
    before = await fetch(apart, container)
    apart.kill()
    assert await fetch(apart, container) == before
    await back(apart, gateway)
    await gateway.send(apart.name, listed)
    await gateway.until(lambda: gateway.states(apart.name).get("seat-1") == "running")
    assert await fetch(apart, container) == before
    assert processes_of("seat-1", apart) == [before["pid"]]
    os.kill(pid_of(apart, "seat-1"), signal.SIGKILL)
    await gateway.until(
        lambda: (
            gateway.member(apart.name).containers["seat-1"].restarts == 1
            and gateway.states(apart.name)["seat-1"] == "running"
        )
    )
    assert len(processes_of("seat-1", apart)) == 1


async def test_an_intent_without_an_act_is_carried_out_after_the_crash(
    host: Host, gateway: Gateway
) -> None:
    host.spawn()
    await gateway.until(lambda: gateway.member(host.name).socket)
    await gateway.desire(host.name)
    await gateway.until((host.folder / "state" / "desired.json").exists)
    host.kill()
    order = wire.Order(operation="op", epoch=1, verb="start", container=spec())
    intend(host, order)
    await back(host, gateway)
    await gateway.until(lambda: gateway.frames(host.name, wire.Outcome))
    assert gateway.frames(host.name, wire.Outcome)[0].state == "done"
    assert len(processes_of("seat-1", host)) == 1


async def test_an_act_without_an_outcome_is_observed_after_the_crash(
    apart: Host, gateway: Gateway
) -> None:
    order = wire.Order(operation="op", epoch=1, verb="start", container=spec())
    await gateway.send(apart.name, order)
    await gateway.until(lambda: gateway.frames(apart.name, wire.Outcome))
    pid = pid_of(apart, "seat-1")
    apart.kill()
    path = apart.folder / "state" / "journal.jsonl"
    lines = [line for line in path.read_bytes().splitlines() if b'"outcome"' not in line]
    path.write_bytes(b"\n".join(lines) + b"\n")
    gateway.member(apart.name).frames.clear()
    await back(apart, gateway)
    await gateway.until(lambda: gateway.frames(apart.name, wire.Outcome))
    assert gateway.frames(apart.name, wire.Outcome)[0].state == "done"
    assert processes_of("seat-1", apart) == [pid]


async def test_an_intent_from_before_a_reboot_is_not_carried_out(
    host: Host, gateway: Gateway
) -> None:
    host.spawn()
    await gateway.until(lambda: gateway.member(host.name).socket)
    host.kill()
    order = wire.Order(operation="op", epoch=1, verb="start", container=spec())
    intend(host, order)
    host.boot = "b1" * 16
    await back(host, gateway)
    await gateway.until(lambda: gateway.frames(host.name, wire.Outcome))
    assert gateway.frames(host.name, wire.Outcome)[0].state == "failed"
    assert processes_of("seat-1", host) == []


@pytest.mark.parametrize("seed", range(6))
async def test_an_agent_killed_at_a_random_moment_leaves_exactly_one_container(
    apart: Host, gateway: Gateway, seed: int
) -> None:
    order = wire.Order(operation="op", epoch=1, verb="start", container=spec())
    await gateway.send(apart.name, order)
    await asyncio.sleep(random.Random(seed).uniform(0.0, 0.06))
    apart.kill()
    await back(apart, gateway)
    await gateway.desire(apart.name)
    await gateway.send(apart.name, order)
    await gateway.until(
        lambda: [o for o in gateway.frames(apart.name, wire.Outcome) if o.state == "done"]
    )
    assert len(processes_of("seat-1", apart)) == 1
