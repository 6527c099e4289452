"""A real S3 service: SeaweedFS from its wheel, all its parts in one process."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3

from recovery.adapters.backups.s3 import Bucket
from recovery.core.clock import system
from tests.support.own import free_port

KEYS = ("tocsin-backups", "a-secret-of-the-tests")
_ADMIN = ("tocsin-admin", "another secret")
_PORTS = ("master", "volume", "filer", "s3")


class Seaweed:
    """One store. Its data outlive its process, so `start` after `kill` is a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = {name: (free_port(), free_port()) for name in _PORTS}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3'][0]}"

    def bucket(self, name: str, keys: tuple[str, str] = KEYS) -> Bucket:
        return Bucket(self.endpoint, name, *keys)

    def start(self) -> None:
        """Returns when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._argv()],
                cwd=self.folder,
                env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = system.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or system.monotonic() > deadline:
                words = (self.folder / "weed.log").read_text()[-2000:]
                raise RuntimeError(f"SeaweedFS did not start:\n{words}")
            time.sleep(0.05)

    def _argv(self) -> list[str]:
        options = {"dir": self.folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1"}
        more: dict[str, object] = {
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 100,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": self._config(),
            "filer.localSocket": self.folder / "filer.sock",
            "s3.localSocket": self.folder / "s3.sock",
        }
        for name, (port, inner) in self._ports.items():
            more |= {f"{name}.port": port, f"{name}.port.grpc": inner}
        said = [f"-{name}={value}" for name, value in (options | more).items()]
        weed = Path(sys.executable).with_name("weed")
        return [str(weed), "-logtostderr=true", "server", "-filer", "-s3", *said]

    def _config(self) -> Path:
        path = self.folder / "s3.json"
        rights = {_ADMIN: ["Admin"], KEYS: ["Admin:backups", "Admin:locked", "List"]}
        identities = [
            {
                "name": keys[0],
                "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}],
                "actions": actions,
            }
            for keys, actions in rights.items()
        ]
        path.write_text(json.dumps({"identities": identities}))
        return path

    def _answers(self) -> bool:
        try:
            self._admin().list_buckets()
        except Exception:  # noqa: BLE001 (whatever it is, it is not ready yet)
            return False
        return True

    def _admin(self) -> Any:
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=_ADMIN[0],
            aws_secret_access_key=_ADMIN[1],
            config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}),
        )

    def make(self, bucket: str, *, lock: bool = False) -> None:
        """A bucket that was there already stays."""
        admin = self._admin()
        known = admin.exceptions
        with contextlib.suppress(known.BucketAlreadyOwnedByYou, known.BucketAlreadyExists):
            admin.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def pause(self) -> None:
        """It hangs: the kernel still takes connections, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
