"""Two sites of a provider: those of moto, and those of the lab's own process."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from recovery.adapters.snapshots.ec2 import Account, Ec2Provider, _client
from recovery.lab.provider.config import volume_of
from recovery.lab.provider.run import server_of
from tests.support.own import free_port

KEYS = ("tocsin", "a-secret-of-the-tests")
HOME, FAR = "eu-west-3", "eu-west-1"
HOST = "par1-a1"


@dataclass
class Sites:
    """`home` has the host's volume; `far` is where its copies go. `tags`: this test's own."""

    home: Ec2Provider
    far: Ec2Provider
    tags: dict[str, str] = field(
        default_factory=lambda: {"tocsin-database": secrets.token_hex(4), "tocsin-run": "1"}
    )


@dataclass
class Lab:
    """Both sites as the lab runs them, in this process. `gate`: open or holding every piece."""

    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {HOME: free_port(), FAR: free_port()})
    gate: threading.Event = field(default_factory=threading.Event)
    servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def start(self, site: str) -> None:
        volumes = {volume_of(HOST): (HOST, str(self.spool))} if site == HOME else {}
        told = {
            "address": "127.0.0.1",
            "port": self.ports[site],
            "site": site,
            "root": str(self.folder / "disks"),
            "volumes": volumes,
            "sites": {name: ("127.0.0.1", port) for name, port in self.ports.items()},
            "credentials": KEYS,
        }
        config = self.folder / f"{site}.json"
        config.write_text(json.dumps(told))
        server = server_of(config, self._pace(self.gate))
        self.servers[site] = server
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self, site: str) -> None:
        server = self.servers.pop(site)
        server.shutdown()
        server.server_close()

    def provider(self, site: str, secret: str = KEYS[1]) -> Ec2Provider:
        endpoint = f"http://127.0.0.1:{self.ports[site]}"
        return Ec2Provider(site, Account(endpoint, site, KEYS[0], secret), patience=3.0)

    @staticmethod
    def _pace(gate: threading.Event) -> Callable[[], None]:
        def wait() -> None:
            gate.wait(60)

        return wait


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    (tmp_path / "spool").mkdir()
    lab = Lab(tmp_path)
    lab.gate.set()
    for site in (HOME, FAR):
        lab.start(site)
    try:
        yield lab
    finally:
        lab.gate.set()
        for site in list(lab.servers):
            lab.stop(site)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    try:
        yield endpoint
    finally:
        server.stop()


@pytest.fixture(params=["moto", "lab"])
def sites(request: pytest.FixtureRequest) -> Sites:
    if request.param == "lab":
        lab: Lab = request.getfixturevalue("lab")
        return Sites(lab.provider(HOME), lab.provider(FAR))
    endpoint = request.getfixturevalue("moto")
    home, far = (
        Ec2Provider(site, Account(endpoint, site, *KEYS), patience=10.0) for site in (HOME, FAR)
    )
    _client(home._account, 10.0).create_volume(
        AvailabilityZone=f"{HOME}a",
        Size=1,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": HOST}]}],
    )
    return Sites(home, far)
