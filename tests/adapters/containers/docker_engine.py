"""Docker and Podman for real, each as a daemon of the test's own; skipped with the reason."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from recovery.adapters.containers.docker import DockerContainers
from recovery.agent.http import Getter, HttpFailure
from recovery.core.ports import Containers
from recovery.core.wire import ContainerSpec, Limits
from tests.adapters.containers.engines import body, next_port
from tests.support import own
from tests.support.waiting import until

IMAGE = "tocsin-busybox"
_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_SERVE = (
    "mkdir -p /www; echo {container} $(cat /proc/sys/kernel/random/uuid) > /www/index.html;"
    "exec /bin/busybox httpd -f -p {address}:{port} -h /www"
)


def need(program: str, package: str) -> str:
    """The program's path; without it the test is skipped, or fails where all are required."""
    found = shutil.which(program)
    if found is None:
        why = f"{program} is not here: apt-get install {package}"
        if os.environ.get("TOCSIN_REQUIRE_ALL") == "1":
            pytest.fail(why)
        pytest.skip(why)
    return found


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the engine's daemon needs root: run the suite as root")


def image_tar(folder: Path) -> Path:
    """An image's content: Debian's static busybox, nothing else."""
    busybox = need("busybox", "busybox-static")
    path = folder / "busybox.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in ("sh", "sleep", "cat", "mkdir"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "/bin/busybox"
            tar.addfile(link)
        for name in ("tmp", "www", "proc", "sys", "dev", "etc"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
    return path


@contextlib.contextmanager
def podman_service(folder: Path) -> Iterator[str]:
    """`podman system service` with storage of its own."""
    need_root()
    podman = need("podman", "podman runc")
    need("runc", "runc")
    (folder / "containers.conf").write_text(_CONTAINERS_CONF)
    argv = [podman, "--root", str(folder / "root"), "--runroot", str(folder / "run")]
    argv += ["--storage-driver", "vfs", "system", "service", "--time", "0"]
    environment = os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf")}
    with running(argv, folder, environment) as url:
        yield url


@contextlib.contextmanager
def docker_daemon(folder: Path) -> Iterator[str]:
    """dockerd beside any other, without touching the host's network."""
    need_root()
    dockerd = need("dockerd", "docker.io")
    argv = [dockerd, "--data-root", str(folder / "root"), "--exec-root", str(folder / "exec")]
    argv += ["--pidfile", str(folder / "pid"), "--iptables=false", "--ip6tables=false"]
    argv += ["--bridge=none", "--storage-driver", "vfs", "-H"]
    try:
        with running(argv, folder, dict(os.environ)) as url:
            yield url
    finally:  # host networking leaves a mount behind that nobody else would undo
        for left in (folder / "exec" / "netns").glob("*"):
            subprocess.run(["umount", str(left)], check=False)


@contextlib.contextmanager
def running(argv: list[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The daemon with our image in it; ended with everything it runs."""
    url = f"unix://{folder}/api.sock"
    with (folder / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen([*argv, url], stdout=log, stderr=log, env=environment)
    try:
        client = answering(url, daemon, folder / "daemon.log")
        try:
            client.api.import_image(str(image_tar(folder)), repository=IMAGE)
            yield url
            for container in client.containers.list(all=True):
                container.remove(force=True)
        finally:
            client.close()
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def answering(url: str, daemon: subprocess.Popen[bytes], log: Path) -> docker.DockerClient:
    """A client of the engine, once its socket accepts."""
    deadline = time.monotonic() + 30
    while not _accepts(url.removeprefix("unix://")):
        if daemon.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the engine did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    return docker.DockerClient(base_url=url, version="1.40")


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


class DockerEngine:
    """The Docker API adapter on a running engine."""

    stubborn: tuple[str, ...] = (
        *("sh", "-c"),
        "trap '' TERM; echo here > /www/index.html;"
        "/bin/busybox httpd -p {address}:{port} -h /www; while :; do sleep 1; done",
    )
    exits_with_3: tuple[str, ...] = ("sh", "-c", "exit 3")

    def __init__(self, url: str, address: str = own.address("202.2")) -> None:
        self._url, self._address = url, address
        self.port: Containers = self._make()
        self._port = next_port()

    def _make(self) -> DockerContainers:
        return DockerContainers(self._url, host="host-a", address=self._address, boot="b0" * 16)

    def spec(self, **changes: object) -> ContainerSpec:
        fields: dict[str, object] = {
            "placement": "seat",
            "application": "shop",
            "container": "shop-1",
            "generation": 1,
            "image": IMAGE,
            "port": self._port,
            "command": ("sh", "-c", _SERVE),
            "limits": Limits(cpu_millis=200, memory_mib=32),
        }
        return ContainerSpec(**(fields | changes))  # type: ignore[arg-type]

    def impossible(self) -> ContainerSpec:
        return self.spec(image="tocsin-no-such-image")

    async def another(self) -> None:
        await self.port.close()
        self.port = self._make()

    async def answer(self, spec: ContainerSpec) -> str:
        text = await body(self._address, spec.port)
        return text.split("\r\n\r\n", 1)[1]

    async def is_listening(self, spec: ContainerSpec) -> bool:
        try:
            await Getter(self._address, spec.port, "/").status(1.0)
        except (OSError, HttpFailure):
            return False
        return True

    async def until_ready(self, spec: ContainerSpec) -> None:
        await until(lambda: self.is_listening(spec))

    async def close(self) -> None:
        for sight in await self.port.look():
            await self.port.stop(sight.placement, grace=0.0)
        await self.port.close()
