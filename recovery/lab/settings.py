"""Where the lab lives on this machine: folders, sockets, the control plane's address.

Environment: TOCSIN_VAR (state folder), TOCSIN_LAB_FILE, TOCSIN_LAB_NETWORK (127.N.0.0/16
instead of the file's), TOCSIN_LAB_CONTROL (WebSocket address of the gateway, several with
commas), TOCSIN_LAB_MODE.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from recovery.core.errors import BadConfiguration
from recovery.lab.layout import SHIPPED

DEFAULT_CONTROL = "ws://127.0.0.1:8701/agent"
MODES = ("relay",)


@dataclass(frozen=True, slots=True)
class LabSettings:
    """One lab. Several may run side by side with different folders and networks."""

    folder: Path
    file: Path
    network: str
    control: tuple[str, ...]
    mode: str

    @property
    def socket(self) -> Path:
        return self.folder.parent / "run" / "lab.sock"

    def host_folder(self, name: str) -> Path:
        return self.folder / "hosts" / name

    def token_file(self, name: str) -> Path:
        return self.host_folder(name) / "token"


def from_environment() -> LabSettings:
    """The lab that this process's environment describes."""
    var = Path(os.environ.get("TOCSIN_VAR", "var")).resolve()
    mode = os.environ.get("TOCSIN_LAB_MODE", "auto")
    mode = "relay" if mode == "auto" else mode
    if mode not in MODES:
        raise BadConfiguration(
            f"{mode} is not one of auto, {', '.join(MODES)}", field="TOCSIN_LAB_MODE"
        )
    control = os.environ.get("TOCSIN_LAB_CONTROL", DEFAULT_CONTROL)
    return LabSettings(
        folder=var / "lab",
        file=Path(os.environ.get("TOCSIN_LAB_FILE", SHIPPED)),
        network=os.environ.get("TOCSIN_LAB_NETWORK", ""),
        control=tuple(url.strip() for url in control.split(",") if url.strip()),
        mode=mode,
    )
