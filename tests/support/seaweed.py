"""A real S3 service: SeaweedFS from its wheel, all its parts in one process."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3

from recovery.adapters.backups.s3 import Bucket
from recovery.core.clock import system
from recovery.lab.stores.seaweed import ADMIN, PARTS, Identity, Weed
from tests.support.own import free_port

KEYS = ("tocsin-backups", "a-secret-of-the-tests")
_ADMIN = ("tocsin-admin", "another secret")
_RIGHTS = {_ADMIN: [ADMIN], KEYS: ["Admin:backups", "Admin:locked", "List"]}


class Seaweed:
    """One store. Its data outlive its process, so `start` after `kill` is a restart. `prefix`: what
    stands before its command, where `address` is in another network namespace."""

    def __init__(
        self, folder: Path, address: str = "127.0.0.1", prefix: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self._prefix = prefix
        ports = {name: (free_port(), free_port()) for name in PARTS}
        self._weed = Weed(folder, address, "127.0.0.1", ports)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{self._weed.address}:{self._weed.ports['s3'][0]}"

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        assert self._process is not None
        return self._process.pid

    def bucket(self, name: str, keys: tuple[str, str] = KEYS) -> Bucket:
        return Bucket(self.endpoint, name, *keys)

    def start(self) -> None:
        """Returns when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._weed.prepare([Identity(*keys, told) for keys, told in _RIGHTS.items()])
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._prefix, *self._weed.argv()],
                cwd=self.folder,
                env=self._weed.environment(),
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
