"""The lab on namespaces: hosts with networks of their own, and the switch between them.

What the relay emulates and this does not: delay and jitter between hosts and users (this kernel
has no `tc netem`). They are kept on the way to the control plane, which passes through the daemon.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from recovery.core.errors import BadConfiguration, Refused
from recovery.lab.addresses import BACK_DOOR, MOST_DATACENTERS, network_of
from recovery.lab.layout import LabHost
from recovery.lab.net.hostnet import HostNet
from recovery.lab.netns import rules
from recovery.lab.netns.place import Seat
from recovery.lab.netns.switch import Switch
from recovery.lab.weather import Weather

NETWORK = "10.77.0.0/16"
CANDIDATES = [f"10.{n}.0.0/16" for n in range(77, 127)]


class NamespacedNet(HostNet):
    """The daemon's part of one host: its way to the control plane, and the switch's rules."""

    def __init__(self, host: LabHost, ground: NamespaceGround) -> None:
        super().__init__(host)
        self._ground = ground

    @property
    def relayed_weather(self) -> Weather:
        """What is lost is lost in the switch."""
        return replace(self.weather, loss=0.0)

    def settle(self) -> None:
        """Nothing: the host's own kernel listens and falls silent."""

    async def cut(self) -> None:
        await self._ground.set_weather()


class NamespaceGround:
    """The switch and every host's port."""

    def __init__(self, network: str, probe_port: int, folder: Path) -> None:
        self.network = network or NETWORK
        self._back_door = probe_port + BACK_DOOR
        self._within = network_of(self.network)
        self._switch = Switch(self._within, folder)
        self._nets: dict[str, NamespacedNet] = {}
        self._ports: dict[str, str] = {}
        self._turn = asyncio.Lock()

    def open(self, hosts: list[LabHost]) -> None:
        if len({host.datacenter for host in hosts}) > MOST_DATACENTERS:
            raise BadConfiguration(
                f"mode netns has addresses for {MOST_DATACENTERS} datacenters.",
                field="TOCSIN_LAB_FILE",
            )
        self._ports = {host.name: rules.port_name(n) for n, host in enumerate(hosts, start=1)}
        self._switch.open(host.uplink for host in hosts if host.uplink)

    def net(self, host: LabHost) -> HostNet:
        self._nets[host.name] = NamespacedNet(host, self)
        return self._nets[host.name]

    def seat(self, host: LabHost) -> Seat:
        return Seat(
            address=host.address,
            prefix=self._within.prefixlen,
            port=self._ports[host.name],
            switch=self._switch.path,
        )

    async def watch(self, ended: asyncio.Event) -> None:
        """Nothing to mirror: hosts listen on addresses of their own."""
        await ended.wait()

    async def set_weather(self) -> None:
        """All hosts' at once, so that the rules are always those of the newest wish."""
        async with self._turn:
            weathers = [(self._ports[name], net.weather) for name, net in self._nets.items()]
            text = rules.weather_rules(self._within, self._back_door, weathers)
            try:
                await asyncio.to_thread(self._switch.set_weather, text)
            except OSError as error:
                raise Refused(f"The switch refused: {error.strerror}.") from error

    def close(self) -> None:
        self._switch.close()
