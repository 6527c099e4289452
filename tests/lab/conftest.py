"""A small lab: the daemon as its own process, four hosts, a gateway in this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recovery.core import wire
from recovery.lab import client, layout
from recovery.lab.layout import LabHost
from tests.agent.gateway import Gateway
from tests.needs import needs
from tests.support import own
from tests.support.waiting import until

NETWORKS = {"relay": f"127.{own.OCTET}.0.0/16", "netns": f"10.{own.OCTET}.0.0/16"}
FILE = """
network: 127.29.0.0/16
probe_port: 21890
datacenters:
  - name: ONE
    place: Here
    region: Near
    latitude: 48.9
    longitude: 2.3
    racks:
      - name: ONE-A
        hosts:
          - {name: one-a, cpu_millis: 1000, memory_mib: 1024}
          - {name: one-b, cpu_millis: 1000, memory_mib: 1024}
  - name: TWO
    place: There
    region: Far
    latitude: 43.3
    longitude: 5.3
    racks:
      - name: TWO-A
        hosts:
          - {name: two-a, cpu_millis: 1000, memory_mib: 1024}
applications:
  - {name: shop, containers: 2, cpu_millis: 100, memory_mib: 64, priority: 50}
"""


@dataclass
class RunningLab:
    """The lab under test and the gateway that its agents speak to."""

    folder: Path
    gateway: Gateway
    daemon: subprocess.Popen[bytes]
    hosts: dict[str, LabHost]
    application: layout.ApplicationEntry
    mode: str = "relay"
    next_port: int = 21500

    async def ask(self, verb: str, **fields: object) -> dict[str, object]:
        path = self.folder / "run" / "lab.sock"
        return await asyncio.to_thread(client.ask, verb, fields, path=path)

    async def status(self, host: str) -> dict[str, object]:
        hosts = (await self.ask("status"))["hosts"]
        assert isinstance(hosts, list)
        return next(entry for entry in hosts if entry["host"] == host)

    async def pid(self, host: str) -> int:
        pid = (await self.status(host))["pid"]
        assert isinstance(pid, int)
        return pid

    def spec(self, placement: str = "seat") -> wire.ContainerSpec:
        self.next_port += 1
        return wire.ContainerSpec(
            placement=placement,
            application="shop",
            container=f"shop-{placement}",
            generation=1,
            command=self.application.argv(),
            port=self.next_port,
        )

    async def place(self, host: str, *placements: str) -> wire.ContainerSpec:
        """Has containers run on the host and waits until they answer."""
        specs = [self.spec(placement) for placement in placements or ("seat",)]
        await self.gateway.desire(host, *specs)
        wanted = {s.placement for s in specs}
        await self.gateway.until(
            lambda: (
                wanted
                <= {p for p, state in self.gateway.states(host).items() if state == "running"}
            )
        )
        address = self.hosts[host].address
        await until(lambda: connects(address, specs[0].port))
        return specs[0]

    def beats(self, host: str) -> int:
        return len(self.gateway.member(host).beats)


async def connects(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


BY_OTHERS = os.environ.get("TOCSIN_REQUIRE_ALL") == "1" and os.geteuid() == 0
"""`.ci/run` tells the same once more as nobody: there, behind the relay."""
MODES = ("netns",) if BY_OTHERS else ("relay", "netns")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Every story of a host is told in both modes of the lab."""
    if request.param == "netns":
        needs("root", "ip", "nft", "network namespaces")
    return str(request.param)


@pytest.fixture
async def lab(tmp_path: Path, mode: str) -> AsyncIterator[RunningLab]:
    """Every test boots its own: that takes less than a second."""
    async with running_lab(tmp_path, mode, FILE) as lab:
        yield lab


@contextlib.asynccontextmanager
async def running_lab(tmp_path: Path, mode: str, text: str) -> AsyncIterator[RunningLab]:
    """A lab of this file; every host of it is heard."""
    gateway = Gateway("127.0.0.1", 0)
    gateway.open_to_all = True
    await gateway.open()
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    loaded = layout.load(file)
    network = NETWORKS[mode]
    hosts = {host.name: host for host in loaded.hosts(network)}
    for name in hosts:
        (tmp_path / "lab" / "hosts" / name).mkdir(parents=True)
        (tmp_path / "lab" / "hosts" / name / "token").write_text("any")
    environment = os.environ | {
        "TOCSIN_VAR": str(tmp_path),
        "TOCSIN_LAB_FILE": str(file),
        "TOCSIN_LAB_CONTROL": gateway.url,
        "TOCSIN_LAB_MODE": mode,
        "TOCSIN_LAB_NETWORK": network,
    }
    with (tmp_path / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen(  # noqa: ASYNC220 (as the supervisor starts it)
            [sys.executable, "-m", "recovery.lab.daemon"], env=environment, stderr=log
        )
    lab = RunningLab(tmp_path, gateway, daemon, hosts, loaded.applications[0], mode)
    try:
        await gateway.until(lambda: all(gateway.member(name).beats for name in hosts), 20)
        yield lab
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(15)
        await gateway.close()
