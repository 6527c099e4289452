"""Where the lab lives on this machine: folders, sockets, the control plane's address.

Environment: TOCSIN_VAR (state folder), TOCSIN_LAB_FILE, TOCSIN_LAB_NETWORK (127.N.0.0/16; else
the file's, or the next free one; a private /16 in mode netns), TOCSIN_LAB_CONTROL (WebSocket
address of the gateway, several with commas; otherwise every one of TOCSIN_GATEWAYS, or
TOCSIN_GATEWAY_HOST and _PORT), TOCSIN_LAB_MODE (auto, which is relay; relay; netns, as root),
TOCSIN_LAB_CLOCKS (libfaketime, so that clocks can be stepped: clocks.py), TOCSIN_LAB_DATABASES
(1, the default: the file's databases too; 0: hosts and applications alone), TOCSIN_LAB_STORES (1,
the default: the file's stores too, so that its databases are backed up; 0: none of them),
TOCSIN_LAB_DRILLS (1, the default: the file's hosts for drills too; 0: none of them),
TOCSIN_PINS and TOCSIN_URL (whose passkeys its hosts believe, and where they sign).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from recovery.core.errors import BadConfiguration
from recovery.engines.places import door
from recovery.lab.addresses import network_of
from recovery.lab.layout import SHIPPED

MODES = ("relay", "netns")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class LabSettings:
    """One lab. Several may run side by side with different folders and networks."""

    folder: Path
    file: Path
    network: str
    control: tuple[str, ...]
    mode: str
    has_databases: bool = False
    has_stores: bool = False
    has_drills: bool = False
    url: str = "http://localhost:8000"
    pins: Path = Path("approvers.json")

    @property
    def party(self) -> str:
        """The name that people's passkeys are bound to."""
        return urlsplit(self.url).hostname or ""

    @property
    def socket(self) -> Path:
        return door(self.folder.parent / "run" / "lab.sock")

    @property
    def state(self) -> Path:
        """Tocsin's own state folder."""
        return self.folder.parent

    @property
    def network_file(self) -> Path:
        """The network that was chosen for this lab, kept from start to start."""
        return self.folder / "network"

    def host_folder(self, name: str) -> Path:
        return self.folder / "hosts" / name

    def backups_folder(self, name: str) -> Path:
        """A host's keys and credentials, and its spool."""
        return self.host_folder(name) / "state" / "databases" / "backups"

    @property
    def provider(self) -> Path:
        """The disks of the infrastructure provider, a folder a site."""
        return self.folder / "provider"

    @property
    def secrets(self) -> Path:
        """What seals backups and opens their stores."""
        return self.folder / "backups"

    def token_file(self, name: str) -> Path:
        return self.host_folder(name) / "token"


def from_environment() -> LabSettings:
    """The lab that this process's environment describes."""
    var = Path(os.environ.get("TOCSIN_VAR", _ROOT / "var")).resolve()
    mode = os.environ.get("TOCSIN_LAB_MODE", "auto")
    mode = "relay" if mode == "auto" else mode
    if mode not in MODES:
        raise BadConfiguration(
            f"{mode} is not one of auto, {', '.join(MODES)}", field="TOCSIN_LAB_MODE"
        )
    has_databases = _is_on("TOCSIN_LAB_DATABASES")
    return LabSettings(
        folder=var / "lab",
        file=Path(os.environ.get("TOCSIN_LAB_FILE", SHIPPED)),
        network=_network(mode, var / "lab" / "network"),
        control=_control(),
        mode=mode,
        has_databases=has_databases,
        has_stores=has_databases and _is_on("TOCSIN_LAB_STORES"),
        has_drills=_is_on("TOCSIN_LAB_DRILLS"),
        url=os.environ.get("TOCSIN_URL", "http://localhost:8000"),
        pins=Path(os.environ.get("TOCSIN_PINS") or var / "secrets" / "approvers.json"),
    )


def _is_on(name: str) -> bool:
    return os.environ.get(name, "1") == "1"


def _network(mode: str, kept: Path) -> str:
    """The one that was asked for, or what `networks.choose_network` chose at an earlier start."""
    asked = os.environ.get("TOCSIN_LAB_NETWORK", "")
    if asked:
        if not _fits(asked, mode):
            wanted = "127.N.0.0/16" if mode == "relay" else "a private /16, as 10.77.0.0/16"
            raise BadConfiguration(
                f"mode {mode} wants {wanted}, not {asked}.", field="TOCSIN_LAB_NETWORK"
            )
        return asked
    before = kept.read_text().strip() if kept.exists() else ""
    return before if before and _fits(before, mode) else ""


def _fits(text: str, mode: str) -> bool:
    """Whether a network is one for this mode."""
    try:
        return network_of(text).is_loopback == (mode == "relay")
    except ValueError as error:
        raise BadConfiguration(str(error), field="TOCSIN_LAB_NETWORK") from error


def _control() -> tuple[str, ...]:
    """The control planes' WebSocket addresses."""
    chosen = os.environ.get("TOCSIN_LAB_CONTROL", "")
    if chosen:
        return tuple(url.strip() for url in chosen.split(",") if url.strip())
    host = os.environ.get("TOCSIN_GATEWAY_HOST", "127.0.0.1")
    port = os.environ.get("TOCSIN_GATEWAY_PORT", "8010")
    gateways = os.environ.get("TOCSIN_GATEWAYS", f"{host}:{port}")
    return tuple(f"ws://{address.strip()}/agent" for address in gateways.split(","))
