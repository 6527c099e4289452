"""Mode `relay`, without root: the daemon owns the hosts' public addresses on loopback.

Invariants: a public port listens exactly while the inner one does; when the host's first process
is dying or dead, every public port falls silent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from recovery.lab.addresses import BACK_DOOR
from recovery.lab.layout import LabHost
from recovery.lab.net.hostnet import HostNet
from recovery.lab.net.listening import Listening
from recovery.lab.net.silence import Port
from recovery.lab.net.uplink import stream_port
from recovery.lab.stores.entries import DOORS
from recovery.lab.weather import Scope

_log = logging.getLogger("tocsin.lab.net")
MIRROR_SECONDS = 0.03


class RelayedNet(HostNet):
    """The relay's part of one host."""

    def __init__(self, host: LabHost, probe_port: int, peers: Mapping[str, HostNet]) -> None:
        super().__init__(host)
        self._probe_port, self._peers = probe_port, peers
        self._probe = Port(host.address, probe_port)
        self._back_door = Port(host.address, probe_port + BACK_DOOR)
        self._ports: dict[int, Port] = {}

    def up(self, is_dying: Callable[[], bool]) -> None:
        for port in list(self._ports):
            self._close(port)
        self._probe.reset()
        self._back_door.reset()
        super().up(is_dying)

    def close(self) -> None:
        super().close()
        self._probe.close()
        self._back_door.close()

    async def cut(self) -> None:
        """Nothing: all of it passes through the daemon."""

    def mirror(self, inner_ports: set[int]) -> None:
        """Listens on the public address where the host listens on the inner one."""
        if not self.is_up:
            return
        if self.host.kind != "host":
            inner_ports = inner_ports & DOORS
        doors = {self._probe_port, self._probe_port + BACK_DOOR}
        for port in inner_ports - self._ports.keys() - doors:
            self._open(port)
        missing = self._ports.keys() - inner_ports
        if missing:
            self.check()
        if self.is_up:
            for port in missing:
                self._close(port)

    def _open(self, number: int) -> None:
        try:
            port = Port(self.host.address, number)
        except OSError as error:
            _log.warning("%s:%d cannot be opened: %s", self.host.address, number, error)
            return
        self._ports[number] = port
        self._settle_port(port)

    def _close(self, number: int) -> None:
        port = self._ports.pop(number)
        asyncio.get_running_loop().remove_reader(port.sock)
        port.close()

    def settle(self) -> None:
        """Brings every public port into the state that life and weather ask for."""
        for port in self._ports.values():
            self._settle_port(port)
        self._settle_probe(self._probe, "public")
        self._settle_probe(self._back_door, "control")

    def _settle_probe(self, port: Port, scope: Scope) -> None:
        if not (self.is_up and self.weather.connects(scope)):
            port.silence()
        elif port.is_silent:
            port.reset()

    def _settle_port(self, port: Port) -> None:
        loop = asyncio.get_running_loop()
        if self.is_up and self.weather.connects("public"):
            port.open()
            loop.add_reader(port.sock, self._accept, port)
        else:
            loop.remove_reader(port.sock)
            port.silence()

    def _accept(self, port: Port) -> None:
        for _ in range(64):
            try:
                client, (source, _) = port.sock.accept()
            except OSError:
                return
            origin = self._peers.get(source)
            self.relay(client, (self.host.inner, port.port), "public", origin)


class RelayGround:
    """Every host's part, and the kernel's word on what listens inside."""

    def __init__(self, network: str, probe_port: int, controls: int) -> None:
        self.network = network
        self._probe_port = probe_port
        self._uplinks = {stream_port(number) for number in range(controls)}
        self._nets: dict[str, RelayedNet] = {}
        self._listening = Listening()

    def open(self, hosts: list[LabHost]) -> None:
        """Nothing: loopback is there."""

    def net(self, host: LabHost) -> HostNet:
        self._nets[host.inner] = RelayedNet(host, self._probe_port, self._nets)
        return self._nets[host.inner]

    def seat(self, host: LabHost) -> None:
        """A host needs no network of its own."""

    async def watch(self, ended: asyncio.Event) -> None:
        """Mirrors what listens inside until the zygote ends."""
        while not ended.is_set():
            ports = self._listening.by_address()
            for inner, net in self._nets.items():
                net.mirror(ports.get(inner, set()) - self._uplinks)
            await asyncio.sleep(MIRROR_SECONDS)

    def close(self) -> None:
        self._listening.close()
