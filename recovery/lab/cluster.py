"""All hosts of the lab: their networks, their first processes, and what befalls them.

Invariant: no lab process outlives it; a host's public addresses answer only while it lives.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from recovery.agent.disk import private_folder
from recovery.core.errors import BadConfiguration, Refused
from recovery.lab import clocks, processes
from recovery.lab import layout as layouts
from recovery.lab.ground import ground_of
from recovery.lab.layout import LabHost
from recovery.lab.net.hostnet import HostNet
from recovery.lab.net.uplink import DATAGRAM_PORT, Uplink, control_address, stream_port
from recovery.lab.nursery import Nursery
from recovery.lab.provider import config as provider
from recovery.lab.settings import LabSettings
from recovery.lab.stores import run as stores
from recovery.lab.stores.secrets import Secrets
from recovery.lab.weather import FAIR

_log = logging.getLogger("tocsin.lab")
BOOT_SECONDS = 10.0
PEER_PORT = 7802
"""Where agents of one database's members ask each other, on every host; the probe's ports are
beside it."""


class Machine:
    """One lab host: its place, its network, its first process while it lives."""

    def __init__(self, host: LabHost, net: HostNet, uplink: Uplink | None) -> None:
        self.host, self.net, self.uplink = host, net, uplink
        self.pid = 0
        self.is_hung = False
        self.stood: frozenset[int] = frozenset()
        self.note = ""
        self.pidfd = -1

    @property
    def is_up(self) -> bool:
        return self.pid != 0

    @property
    def is_host(self) -> bool:
        """It runs an agent, of production or for drills; everything else is a store."""
        return self.host.kind in ("host", "drill")


class Lab:
    """The whole lab."""

    def __init__(self, settings: LabSettings) -> None:
        self._settings = settings
        self._layout = layouts.load(settings.file)
        self.machines: dict[str, Machine] = {}
        self._ground = ground_of(settings, self._layout)
        self._nursery: Nursery | None = None
        self._secrets = Secrets(settings.secrets)
        self._ports: dict[str, list[int]] = {}

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Addresses and zygote; no host yet."""
        controls = [control_address(url) for url in self._settings.control]
        hosts = list(self._layout.hosts(self._ground.network))
        if self._settings.has_stores:
            hosts += self._layout.places(self._ground.network)
            self._secrets.ensure(*self._layout.store_names())
        if self._settings.has_drills:
            hosts += self._layout.drill_hosts(self._ground.network)
        self._ground.open(hosts)
        for host in hosts:
            try:
                net = self._ground.net(host)
                uplink = Uplink(net, controls) if host.uplink else None
                if uplink is not None:
                    await uplink.open()
            except OSError as error:
                raise BadConfiguration(
                    f"{host.address} cannot be used ({error.strerror}).",
                    field="network",
                    todo="Another lab runs there? Stop it or set TOCSIN_LAB_NETWORK.",
                ) from error
            self.machines[host.name] = Machine(host, net, uplink)
        self._nursery = Nursery()

    async def run(self) -> None:
        """What its ground has to do, as long as the zygote lives."""
        assert self._nursery is not None
        await self._ground.watch(self._nursery.ended)

    async def close(self) -> None:
        if self._nursery is not None:
            await self._nursery.close()
        for machine in self.machines.values():
            self._lost(machine)
            machine.net.close()
            if machine.uplink is not None:
                machine.uplink.close()
        self._ground.close()

    # ------------------------------------------------------------------ hosts

    def machine(self, name: str) -> Machine:
        try:
            return self.machines[name]
        except KeyError:
            raise Refused(f"The lab has no host {name}.", field="host") from None

    async def boot(self, name: str) -> None:
        """Starts a host that is down: same disk, new boot."""
        machine = self.machine(name)
        if machine.is_up:
            raise Refused(f"{name} is running already.")
        assert self._nursery is not None
        folder = private_folder(self._settings.host_folder(name))
        config = self._config(machine, folder)
        kind, log = machine.host.kind, folder / "agent.log"
        seat = self._ground.seat(machine.host)
        pid, machine.note = await self._nursery.boot(name, kind, config, log, seat)
        machine.pid, machine.is_hung, machine.stood = pid, False, frozenset()
        machine.net.up(lambda: processes.is_dying(pid))
        try:
            machine.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._lost(machine)
            return
        asyncio.get_running_loop().add_reader(machine.pidfd, self._lost, machine)

    async def boot_all(self) -> None:
        """Stores after the hosts: nobody waits for them."""
        for is_host in (True, False):
            names = [n for n, each in self.machines.items() if each.is_host is is_host]
            await asyncio.gather(*(self.boot(name) for name in names))

    async def kill(self, name: str) -> None:
        """The host is lost: SIGKILL of its first process."""
        machine = self._running(name)
        processes.send(machine.pid, signal.SIGKILL)
        await self._until(lambda: not machine.is_up)

    async def restart(self, name: str) -> None:
        """Power off (if it runs) and on again; the weather clears."""
        machine = self.machine(name)
        if machine.is_up:
            await self.kill(name)
        await self.mend(name)
        await self.boot(name)

    async def mend(self, name: str) -> None:
        """Fair weather, and whoever was parted from it reaches it again."""
        machine = self.machine(name)
        await machine.net.set_weather(FAIR)
        for other in self.machines.values():
            weather = other.net.weather
            if machine.host.address in weather.parted:
                parted = weather.parted - {machine.host.address}
                await other.net.set_weather(replace(weather, parted=parted))

    def step_clock(self, name: str, seconds: float) -> None:
        """The time of day of its agent; 0: right again."""
        clocks.step(self._settings.host_folder(self.machine(name).host.name), seconds)

    def kill_agent(self, name: str) -> None:
        self._signal_agent(name, signal.SIGKILL)

    def stop_agent(self, name: str) -> None:
        self._signal_agent(name, signal.SIGSTOP)

    def hang(self, name: str) -> None:
        """Everything on the host stops; its kernel still answers."""
        machine = self._running(name)
        machine.stood = machine.stood or processes.stopped(machine.pid)
        processes.signal_tree(machine.pid, signal.SIGSTOP)
        machine.is_hung = True

    def wake(self, name: str) -> None:
        """What the lab stopped goes on; a server that its watchdog holds still stays held."""
        machine = self.machine(name)
        if machine.is_hung:
            processes.signal_tree(machine.pid, signal.SIGCONT, sparing=machine.stood)
        if machine.is_up and (agent := processes.agent_of(machine.pid)) is not None:
            processes.send(agent, signal.SIGCONT)
        machine.is_hung, machine.stood = False, frozenset()

    def _running(self, name: str) -> Machine:
        machine = self.machine(name)
        if not machine.is_up:
            raise Refused(f"{name} is not running.", todo="Restart it first.")
        return machine

    def _signal_agent(self, name: str, number: signal.Signals) -> None:
        agent = processes.agent_of(self._running(name).pid)
        if agent is None:
            raise Refused(f"{name} has no agent at this moment.")
        processes.send(agent, number)

    def _lost(self, machine: Machine) -> None:
        """Its first process is gone: silence."""
        machine.net.down()
        if machine.pidfd >= 0:
            asyncio.get_running_loop().remove_reader(machine.pidfd)
            os.close(machine.pidfd)
            _log.info("%s is down", machine.host.name)
        machine.pid, machine.pidfd, machine.is_hung = 0, -1, False

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOOT_SECONDS):
            while not holds():  # noqa: ASYNC110 (the end of a process, seen by its pidfd)
                await asyncio.sleep(0.005)

    def _config(self, machine: Machine, folder: Path) -> Path:
        """The file that its program is told of."""
        if machine.host.kind == "snapshots":
            hosts = [each.host for each in self.machines.values()]
            return provider.write_config(machine.host, hosts, self._settings, self._secrets)
        if not machine.is_host:
            return stores.write_config(machine.host, folder, self._secrets, self._ports)
        if self._settings.has_stores:
            self._secrets.give(self._settings.backups_folder(machine.host.name))
        config = folder / "agent.toml"
        config.write_text(self._agent_config(machine))
        return config

    def _agent_config(self, machine: Machine) -> str:
        folder = self._settings.host_folder(machine.host.name)
        values = {
            "name": machine.host.name,
            "control": [
                _through(url, machine.host.uplink, stream_port(number))
                for number, url in enumerate(self._settings.control)
            ],
            "state": str(folder / "state"),
            "token_file": str(self._settings.token_file(machine.host.name)),
            "address": machine.host.address,
            "listen_address": machine.host.inner,
            "also_listen": ["::1"] if self._settings.mode == "netns" else [],
            "probe_port": self._layout.probe_port,
            "peer_port": PEER_PORT,
            "gate": "nftables" if self._settings.mode == "netns" else "watchdog",
            "boot": secrets.token_hex(16),
            "datagram_relay": f"{machine.host.uplink}:{DATAGRAM_PORT}",
            "stop_grace_seconds": 2.0,
            "pins": str(self._settings.pins),
            "party": self._settings.party,
            "origins": [self._settings.url],
            "realm": "drill" if machine.host.kind == "drill" else "production",
        }
        return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def _through(url: str, uplink: str, port: int) -> str:
    """The control plane's address by way of the host's uplink."""
    scheme, _, rest = url.partition("://")
    _, slash, path = rest.partition("/")
    return f"{scheme}://{uplink}:{port}{slash}{path}"
