"""An S3 service of one process: SeaweedFS from its wheel, all its parts in it, kept small.

Invariant: what it was told of keys is in a file that nobody else may read; its bucket is there
before anybody is told that it serves.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recovery.engines.ports import is_free, opens

PARTS = ("master", "volume", "filer", "s3")
ADMIN = "Admin"
READER = ("Read", "List")
_GROWTH = "[master.volume_growth]\ncopy_1 = 1\n"
"""One volume at a time: seven, as it would make by itself, take their time on a busy machine."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may do what: `Read`, `Admin:BUCKET` and so on."""

    access_key: str
    secret_key: str
    actions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Weed:
    """One service. `address`: where its S3 door is; `inside`: where its parts, which ask nobody
    for keys, speak to one another. `ports`: by part, each with a second one for its inner calls,
    which no other service of this machine may have: they meet at a socket in /tmp that is named
    so. It runs in its folder: the whole name of a socket there may be too long for the kernel."""

    folder: Path
    address: str
    inside: str
    ports: Mapping[str, tuple[int, int]]

    def argv(self) -> list[str]:
        options: dict[str, object] = {
            "dir": self.folder,
            "ip": self.inside,
            "ip.bind": self.inside,
            "s3.ip.bind": self.address,
            "master.telemetry": "false",
            # By itself it waits 10 to 20 s for others to lead, after each crash; it has none.
            "master.electionTimeout": "1s",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 100,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.iam": "false",
            "s3.config": self._config,
            "filer.localSocket": "filer.sock",
            "s3.localSocket": "s3.sock",
        }
        for name in PARTS:
            port, inner = self.ports[name]
            options |= {f"{name}.port": port, f"{name}.port.grpc": inner}
        said = [f"-{name}={value}" for name, value in options.items()]
        weed = Path(sys.executable).with_name("weed")
        return [str(weed), "-logtostderr=true", "server", "-filer", "-s3", *said]

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "GOMAXPROCS": "2"}

    @property
    def _config(self) -> Path:
        return self.folder / "s3.json"

    def prepare(self, identities: Sequence[Identity]) -> None:
        """What it reads at its start."""
        (self.folder / "master.toml").write_text(_GROWTH)
        self._write_identities(identities)

    def _write_identities(self, identities: Sequence[Identity]) -> None:
        told = [
            {
                "name": each.access_key,
                "credentials": [{"accessKey": each.access_key, "secretKey": each.secret_key}],
                "actions": list(each.actions),
            }
            for each in identities
        ]
        descriptor = os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"identities": told}, file)

    def make_bucket(self, name: str) -> bool:
        """By way of its filer, where a bucket is a folder. False: it does not answer yet."""
        filer = http.client.HTTPConnection(self.inside, self.ports["filer"][0], timeout=5)
        try:
            filer.request("POST", f"/buckets/{name}/")
            return filer.getresponse().status < 300
        except OSError:
            return False
        finally:
            filer.close()

    def answers(self) -> bool:
        """Whether its S3 door does."""
        door = http.client.HTTPConnection(self.address, self.ports["s3"][0], timeout=5)
        try:
            door.request("GET", "/")
            return door.getresponse().status < 500
        except OSError:
            return False
        finally:
            door.close()


def is_quiet(port: int) -> bool:
    """Whether no other service of this machine, in whichever network namespace, has this port.

    A killed service leaves its sockets. Another user's in the way cannot be removed, and a master
    that cannot have its own never leads.
    """
    sockets = Path("/tmp").glob(f"seaweedfs-*-{port}.sock")  # noqa: S108 (its own choice)
    return is_free(port) and not any(opens(each) or not _is_ours(each) for each in sockets)


def _is_ours(socket: Path) -> bool:
    try:
        return socket.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True
