"""How a container's command is filled in: argv arrays, never a shell."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from recovery.core.wire import ContainerSpec


def fill(command: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """The argv with its `{placeholders}` filled in; anything else in braces stays as it is."""
    pattern = re.compile("{(" + "|".join(map(re.escape, values)) + ")}")
    return [pattern.sub(lambda found: values[found[1]], element) for element in command]


def placeholders(spec: ContainerSpec, host: str, address: str) -> dict[str, str]:
    return {
        "host": host,
        "address": address,
        "port": str(spec.port),
        "container": spec.container,
        "generation": str(spec.generation),
        "version": spec.version,
        "python": sys.executable,
    }
