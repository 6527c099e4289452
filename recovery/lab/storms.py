"""What can be done to the lab, by name: each wish takes the request's fields and says what is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from recovery.core.errors import Refused
from recovery.lab import clocks, processes
from recovery.lab.weather import Scope, Weather

if TYPE_CHECKING:
    from recovery.lab.cluster import Lab, Machine

Fields = dict[str, object]
Answer = dict[str, object]
_EVERYWHERE: frozenset[Scope] = frozenset({"control", "public"})
_CONTROL: frozenset[Scope] = frozenset({"control"})
_PUBLIC: frozenset[Scope] = frozenset({"public"})


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"a request needs {name}", field=name)
    return value


def _number(fields: Fields, name: str, low: float, high: float) -> float:
    value = fields.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Refused(f"a number from {low:g} to {high:g}", field=name)
    return float(value)


async def kill(lab: Lab, fields: Fields) -> Answer:
    await lab.kill(_text(fields, "host"))
    return {}


async def kill_agent(lab: Lab, fields: Fields) -> Answer:
    lab.kill_agent(_text(fields, "host"))
    return {}


async def stop_agent(lab: Lab, fields: Fields) -> Answer:
    lab.stop_agent(_text(fields, "host"))
    return {}


async def hang(lab: Lab, fields: Fields) -> Answer:
    lab.hang(_text(fields, "host"))
    return {}


async def restart(lab: Lab, fields: Fields) -> Answer:
    await lab.restart(_text(fields, "host"))
    return {}


async def heal(lab: Lab, fields: Fields) -> Answer:
    """Fair weather, everything continued; a host that is down stays down."""
    name = _text(fields, "host")
    await lab.mend(name)
    lab.step_clock(name, 0.0)
    lab.wake(name)
    return {}


async def step_clock(lab: Lab, fields: Fields) -> Answer:
    """The time of day of a host's agent, until it is healed; clocks that count do not step."""
    seconds = _number(fields, "seconds", -clocks.MOST_SECONDS, clocks.MOST_SECONDS)
    lab.step_clock(_text(fields, "host"), seconds)
    return {}


async def isolate(lab: Lab, fields: Fields) -> Answer:
    """Unreachable from and for the control plane only."""
    await _cut(lab, fields, _CONTROL)
    return {}


async def partition(lab: Lab, fields: Fields) -> Answer:
    """Cut from everybody."""
    await _cut(lab, fields, _EVERYWHERE)
    return {}


async def sever(lab: Lab, fields: Fields) -> Answer:
    """Cut from peers and users; the control plane still hears it."""
    await _cut(lab, fields, _PUBLIC)
    return {}


async def part(lab: Lab, fields: Fields) -> Answer:
    """Two hosts lose each other, and nobody else, until one of them is healed.

    In mode relay a handshake between them still succeeds, with nothing after it, and PostgreSQL's
    own connections pass: nothing in them says which host they come from."""
    one, other = lab.machine(_text(fields, "host")), lab.machine(_text(fields, "other"))
    if one is other:
        raise Refused("a host cannot be parted from itself", field="other")
    for here, there in ((one, other), (other, one)):
        parted = here.net.weather.parted | {there.host.address}
        await here.net.set_weather(replace(here.net.weather, parted=parted))
    return {}


async def _cut(lab: Lab, fields: Fields, scopes: frozenset[Scope]) -> None:
    net = lab.machine(_text(fields, "host")).net
    way = fields.get("way", "both")
    if way not in ("in", "out", "both"):
        raise Refused("in, out or both", field="way")
    weather = net.weather
    if way != "out":
        weather = replace(weather, cut_in=weather.cut_in | scopes)
    if way != "in":
        weather = replace(weather, cut_out=weather.cut_out | scopes)
    await net.set_weather(weather)


async def slow(lab: Lab, fields: Fields) -> Answer:
    """Delay with jitter (datagrams overtake one another), and loss."""
    net = lab.machine(_text(fields, "host")).net
    await net.set_weather(
        replace(
            net.weather,
            delay_ms=_number(fields, "delay_ms", 0, 60_000),
            jitter_ms=_number(fields, "jitter_ms", 0, 60_000),
            loss=_number(fields, "loss", 0, 1),
        )
    )
    return {}


async def kill_datacenter(lab: Lab, fields: Fields) -> Answer:
    """Every host of it, and every store, at once."""
    datacenter = _text(fields, "datacenter")
    machines = [m for m in lab.machines.values() if m.host.datacenter == datacenter]
    if not machines:
        raise Refused(f"The lab has no datacenter {datacenter}.", field="datacenter")
    running = [m for m in machines if m.is_up]
    await asyncio.gather(*(lab.kill(m.host.name) for m in running))
    stores = [m.host.name for m in running if not m.is_host]
    answer: Answer = {"hosts": [m.host.name for m in running if m.is_host]}
    return answer | ({"stores": stores} if stores else {})


async def restart_datacenter(lab: Lab, fields: Fields) -> Answer:
    """Whatever of it is down boots again."""
    datacenter = _text(fields, "datacenter")
    machines = [m for m in lab.machines.values() if m.host.datacenter == datacenter]
    if not machines:
        raise Refused(f"The lab has no datacenter {datacenter}.", field="datacenter")
    down = [m.host.name for m in machines if not m.is_up]
    await asyncio.gather(*(lab.restart(name) for name in down))
    return {"hosts": down}


async def status(lab: Lab, fields: Fields) -> Answer:
    names = {machine.host.address: name for name, machine in lab.machines.items()}
    hosts = [_describe(m, names) for m in lab.machines.values() if m.is_host]
    stores = [_describe(m, names) for m in lab.machines.values() if not m.is_host]
    return {"hosts": hosts, "stores": stores}


def _describe(machine: Machine, names: Mapping[str, str]) -> Answer:
    state = "down" if not machine.is_up else "hung" if machine.is_hung else "up"
    agent = processes.agent_of(machine.pid) if machine.is_up else None
    return {
        "host": machine.host.name,
        "datacenter": machine.host.datacenter,
        "rack": machine.host.rack,
        "address": machine.host.address,
        "state": state,
        "pid": machine.pid,
        "agent": agent or 0,
        "weather": _in_words(machine.net.weather, names),
        "note": machine.note,
    }


def _in_words(weather: Weather, names: Mapping[str, str]) -> str:
    words = []
    if weather.parted:
        words.append(f"parted from {', '.join(sorted(names[one] for one in weather.parted))}")
    if cut := weather.cut_in | weather.cut_out:
        name = "partitioned" if cut >= _EVERYWHERE else "severed" if "public" in cut else "isolated"
        one_way = (
            ""
            if weather.cut_in == weather.cut_out
            else (" (nothing gets in)" if weather.cut_in else " (nothing gets out)")
        )
        words.append(name + one_way)
    if weather.delay_ms or weather.jitter_ms:
        words.append(f"{weather.delay_ms:g}–{weather.delay_ms + weather.jitter_ms:g} ms")
    if weather.loss:
        words.append(f"{weather.loss:.0%} lost")
    return ", ".join(words)


WISHES: dict[str, Callable[[Lab, Fields], Awaitable[Answer]]] = {
    "kill": kill,
    "kill-agent": kill_agent,
    "stop-agent": stop_agent,
    "hang": hang,
    "step-clock": step_clock,
    "restart": restart,
    "heal": heal,
    "isolate": isolate,
    "partition": partition,
    "sever": sever,
    "part": part,
    "slow": slow,
    "kill-datacenter": kill_datacenter,
    "restart-datacenter": restart_datacenter,
    "status": status,
}
