"""Which container engine stands behind the port on this host."""

from __future__ import annotations

from pathlib import Path

from recovery.adapters.containers.process import ProcessContainers
from recovery.agent.config import Config
from recovery.core.ports import Containers


def engine_for(config: Config, boot: str) -> Containers:
    """The adapter that the configuration names. A drill host's has a folder and labels of its own:
    it never sees, and never ends, what an agent of production started on the same machine."""
    if config.adapter == "docker":
        return _docker(config, boot)
    return ProcessContainers(
        seats_folder(config),
        host=config.name,
        address=config.container_address,
        boot=boot,
    )


def seats_folder(config: Config) -> Path:
    """Where the process adapter keeps what it started."""
    return config.state_path / ("drill-containers" if config.realm == "drill" else "containers")


def _docker(config: Config, boot: str) -> Containers:
    # imported where it is used: it brings an HTTP library that the process adapter does without
    from recovery.adapters.containers.docker import DockerContainers  # noqa: PLC0415

    return DockerContainers(
        config.engine_url,
        host=config.name,
        address=config.container_address,
        boot=boot,
        network=config.engine_network,
        owner=f"drill:{config.name}" if config.realm == "drill" else "",
    )
