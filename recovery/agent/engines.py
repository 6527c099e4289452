"""Which container engine stands behind the port on this host."""

from __future__ import annotations

from recovery.adapters.containers.process import ProcessContainers
from recovery.agent.config import Config
from recovery.core.ports import Containers


def engine_for(config: Config, boot: str) -> Containers:
    """The adapter that the configuration names."""
    return ProcessContainers(
        config.state_path / "containers",
        host=config.name,
        address=config.container_address,
        boot=boot,
    )
