"""Containers behind the Docker API, which Docker and Podman both speak.

Invariants: the engine's labels are the only memory (nothing of ours on the disk), so whoever
comes next sees what is there; the name is made of host and placement, so the engine itself
refuses a double; the engine never restarts anything by itself, the agent does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeVar

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig
from requests.exceptions import RequestException

from recovery.adapters.containers.events import listen
from recovery.adapters.containers.filling import fill, placeholders
from recovery.core.ending import end
from recovery.core.ports import EngineAway, Sight, StartFailed
from recovery.core.wire import ContainerSpec

_log = logging.getLogger("tocsin.agent.docker")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")
_EXIT = re.compile(r"Exited \((-?\d+)\)")
_LABEL = "tocsin."
_TIMEOUT_SECONDS = 20
_CAPPED_LOG = LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"})
T = TypeVar("T")


class DockerContainers:
    """The Docker API adapter of one host. `network` "host": containers bind the host's address
    themselves; any other: that network, the port published on the host's address. `owner`: whose
    they are where that is not the host's own agent; nobody sees or ends another owner's."""

    name = "docker"

    def __init__(
        self,
        url: str,
        *,
        host: str,
        address: str,
        boot: str,
        network: str = "host",
        owner: str = "",
    ) -> None:
        self._url = url
        self._client = docker.DockerClient(base_url=url, timeout=_TIMEOUT_SECONDS)
        self._host, self._address, self._boot = host, address, boot
        self._network, self._owner = network, owner or host
        self._lock = asyncio.Lock()
        self._events: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ the port

    async def start(self, spec: ContainerSpec) -> None:
        if not _SAFE.fullmatch(spec.placement):
            raise StartFailed("not usable in a container's name", field="placement")
        if not spec.image:
            raise StartFailed("the Docker adapter needs an image", field="image")
        async with self._lock:
            await self._call(lambda: self._start(spec))

    async def stop(self, placement: str, grace: float) -> None:
        async with self._lock:
            await self._call(lambda: self._stop(placement, grace))

    async def look(self) -> tuple[Sight, ...]:
        return await self._call(self._look)

    def on_change(self, wake: Callable[[], None]) -> None:
        self._events = asyncio.create_task(listen(self._url, self._mine(), wake), name="events")

    async def close(self) -> None:
        if self._events is not None:
            await end([self._events])
        with contextlib.suppress(DockerException, RequestException):
            self._client.close()

    # ------------------------------------------------------------------ in a thread

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except APIError as error:
            raise EngineAway(f"the engine refused: {error.explanation or error}") from error
        except (DockerException, RequestException) as error:
            raise EngineAway(f"the engine does not answer: {error}") from error

    def _start(self, spec: ContainerSpec) -> None:
        held = next((s for s in self._look() if s.placement == spec.placement), None)
        if held is not None and held.running:
            if held.generation == spec.generation:
                return
            raise StartFailed(f"generation {held.generation} still runs there", field="generation")
        self._remove(spec.placement)
        try:
            self._create(spec)
        except ImageNotFound as error:
            raise StartFailed(f"no image {spec.image} here", field="image") from error
        except APIError as error:
            self._remove(spec.placement)
            raise StartFailed(str(error.explanation or error)) from error

    def _create(self, spec: ContainerSpec) -> None:
        values = placeholders(spec, self._host, self._address)
        environment = {f"TOCSIN_{k.upper()}": v for k, v in values.items() if k != "python"}
        ports: dict[str, int | list[int] | tuple[str, int] | None] = {}
        if self._network != "host":
            ports[f"{spec.port}/tcp"] = (self._address, spec.port)
        if "/" in spec.image and not self._has_image(spec.image):
            self._client.images.pull(spec.image)
        self._client.containers.run(
            spec.image,
            fill(spec.command, values) or None,
            name=self._name(spec.placement),
            detach=True,
            labels=self._labels(spec),
            environment=environment | spec.environment,
            network_mode=self._network,
            ports=ports,
            nano_cpus=spec.limits.cpu_millis * 1_000_000,
            mem_limit=spec.limits.memory_mib * 1024 * 1024,
            security_opt=["no-new-privileges"],
            log_config=None if self._is_podman else _CAPPED_LOG,
        )

    def _stop(self, placement: str, grace: float) -> None:
        with contextlib.suppress(NotFound):
            container = self._client.containers.get(self._name(placement))
            container.stop(timeout=math.ceil(grace))
        self._remove(placement)

    def _look(self) -> tuple[Sight, ...]:
        """Everything with our labels; what an earlier boot left ended is removed."""
        found = self._client.api.containers(
            all=True, filters={"label": [f"{k}={v}" for k, v in self._mine().items()]}
        )
        sights = []
        for entry in found:
            labels = entry["Labels"]
            placement = labels[_LABEL + "placement"]
            running = entry["State"] in ("running", "paused", "restarting")
            if not running and labels[_LABEL + "boot"] != self._boot:
                self._remove(placement)
                continue
            if entry["State"] == "created":
                self._remove(placement)
                continue
            sights.append(_sight(entry, labels, placement, running))
        return tuple(sights)

    def _remove(self, placement: str) -> None:
        with contextlib.suppress(NotFound):
            self._client.containers.get(self._name(placement)).remove(force=True, v=True)

    def _has_image(self, image: str) -> bool:
        try:
            self._client.images.get(image)
        except ImageNotFound:
            return False
        return True

    @cached_property
    def _is_podman(self) -> bool:
        """Its Docker-compatible side refuses Docker's name for the log driver."""
        components = self._client.version().get("Components", [])
        return any("podman" in part.get("Name", "").lower() for part in components)

    def _name(self, placement: str) -> str:
        return f"tocsin-{self._owner.replace(':', '-')}-{placement}"

    def _mine(self) -> dict[str, str]:
        return {_LABEL + "host": self._owner}

    def _labels(self, spec: ContainerSpec) -> dict[str, str]:
        return self._mine() | {
            _LABEL + "placement": spec.placement,
            _LABEL + "application": spec.application,
            _LABEL + "container": spec.container,
            _LABEL + "generation": str(spec.generation),
            _LABEL + "boot": self._boot,
        }


def _sight(
    entry: Mapping[str, object], labels: Mapping[str, str], placement: str, running: bool
) -> Sight:
    code = _EXIT.search(str(entry.get("Status", "")))
    ended = "" if running else f"exit code {code[1]}" if code else str(entry.get("State"))
    return Sight(
        placement,
        labels[_LABEL + "application"],
        labels[_LABEL + "container"],
        int(labels[_LABEL + "generation"]),
        running,
        ended=ended,
    )
