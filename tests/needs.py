"""What a test needs from the machine beyond the locked packages.

Invariant: a missing thing skips the test with the sentence that brings it; in CI
(`TOCSIN_REQUIRE_ALL=1`) it fails, so that no check is silently left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from recovery.lab import clocks


def _found(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _network_namespaces() -> bool:
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return probe.returncode == 0


def _token_bucket_filter() -> bool:
    """Of the kernel, and `tc`, that sets it."""
    shape = "tc qdisc add dev lo root tbf rate 1gbit burst 128kb latency 50ms"
    probe = subprocess.run(
        ["unshare", "--net", "sh", "-c", shape], capture_output=True, check=False
    )
    return probe.returncode == 0


THINGS: dict[str, tuple[Callable[[], bool], str]] = {
    "chromium": (_found("chromium", "chromium-browser"), "apt-get install chromium"),
    "podman": (_found("podman"), "apt-get install podman runc"),
    "docker": (_found("dockerd"), "apt-get install docker.io"),
    "busybox": (_found("busybox"), "apt-get install busybox-static"),
    "postgresql-15": (
        Path("/usr/lib/postgresql/15/bin/postgres").exists,
        "apt-get install postgresql-15",
    ),
    "redis-server": (_found("redis-server"), "apt-get install redis-server"),
    "haproxy": (_found("haproxy"), "apt-get install haproxy"),
    "nft": (_found("nft"), "apt-get install nftables"),
    "ip": (_found("ip"), "apt-get install iproute2"),
    "tbf": (_token_bucket_filter, "apt-get install iproute2, as root, with sch_tbf in the kernel"),
    "faketime": (clocks.DEBIAN.exists, "apt-get install faketime"),
    "npm": (_found("npm"), "apt-get install npm"),
    "root": (lambda: os.geteuid() == 0, "run the tests as root"),
    "network namespaces": (_network_namespaces, "run the tests as root, outside a container"),
}


def needs(*things: str) -> None:
    """Call it first in a test or a fixture."""
    for thing in things:
        is_there, command = THINGS[thing]
        if is_there():
            continue
        sentence = f"needs {thing}, which is not here: {command}"
        if os.environ.get("TOCSIN_REQUIRE_ALL") == "1":
            pytest.fail(sentence)
        pytest.skip(sentence)
