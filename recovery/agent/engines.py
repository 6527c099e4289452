"""Which container engine stands behind the port on this host."""

from __future__ import annotations

from recovery.adapters.containers.process import ProcessContainers
from recovery.agent.config import Config
from recovery.core.ports import Containers


def engine_for(config: Config, boot: str) -> Containers:
    """The adapter that the configuration names."""
    if config.adapter == "docker":
        return _docker(config, boot)
    return ProcessContainers(
        config.state_path / "containers",
        host=config.name,
        address=config.container_address,
        boot=boot,
    )


def _docker(config: Config, boot: str) -> Containers:
    # imported where it is used: it brings an HTTP library that the process adapter does without
    from recovery.adapters.containers.docker import DockerContainers  # noqa: PLC0415

    return DockerContainers(
        config.engine_url,
        host=config.name,
        address=config.container_address,
        boot=boot,
        network=config.engine_network,
    )
