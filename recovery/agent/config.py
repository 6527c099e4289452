"""The agent's one configuration file (TOML), read once at start."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from recovery.core.errors import BadConfiguration

_KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Fields of the file.

    `control`: WebSocket addresses of the control planes, all of them used at once. `ca_file`:
    whose word counts on who a `wss://` one is; empty: the system's authorities.
    `address`: where others reach this host; `listen_address`: where its containers listen,
    when that differs; `also_listen`: further addresses of database servers, where this host has
    them. `datagram_relay`: "address:port" of a SOCKS5-style UDP relay that
    heartbeats pass through. `heartbeats`: "socket" where UDP is blocked. `peer_port`: where agents
    of one database's members ask each other, and load balancers ask for health; 0: nowhere.
    `gate`: "nftables" where the agent is root and the network namespace is this host's alone,
    else "watchdog", the weaker form (`adapters/fencing`). `pins`: the file of keys of those who may
    approve what is dangerous in a recovery plan, brought here by whoever configures this host;
    empty: nothing of that is done here. `party`, `origins`: the name that their passkeys are bound
    to, and the addresses at which they sign. `realm`: "drill" for a host that is there for drills.
    """

    name: str
    control: tuple[str, ...]
    state: str
    address: str
    token_file: str = ""
    ca_file: str = ""
    listen_address: str = ""
    also_listen: tuple[str, ...] = ()
    probe_port: int = 22
    boot: str = ""
    datagram_relay: str = ""
    heartbeats: str = "datagram"
    adapter: str = "process"
    engine_url: str = "unix:///var/run/docker.sock"
    engine_network: str = "host"
    peer_port: int = 0
    gate: str = "watchdog"
    stop_grace_seconds: float = 5.0
    pins: str = ""
    party: str = ""
    origins: tuple[str, ...] = ()
    realm: str = "production"

    @property
    def state_path(self) -> Path:
        return Path(self.state)

    @property
    def container_address(self) -> str:
        return self.listen_address or self.address


def load(path: Path) -> Config:
    """The file's content, or `BadConfiguration` with file, line or field."""
    try:
        raw = tomllib.loads(path.read_text())
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path} is not TOML: {error}") from error
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise BadConfiguration(f"{path}: {error}") from error
    _check(path, config)
    return config


def _check(path: Path, config: Config) -> None:
    if not config.control:
        raise BadConfiguration(f"{path}: name at least one control plane", field="control")
    for url in config.control:
        if not url.startswith(("ws://", "wss://")):
            raise BadConfiguration(f"{path}: {url} is not ws:// or wss://", field="control")
    if config.heartbeats not in ("datagram", "socket"):
        raise BadConfiguration(f"{path}: datagram or socket", field="heartbeats")
    if config.adapter not in ("process", "docker"):
        raise BadConfiguration(f"{path}: process or docker", field="adapter")
    if config.gate not in ("nftables", "watchdog"):
        raise BadConfiguration(f"{path}: nftables or watchdog", field="gate")
    if config.realm not in ("production", "drill"):
        raise BadConfiguration(f"{path}: production or drill", field="realm")
    if config.pins and not (config.party and config.origins):
        raise BadConfiguration(f"{path}: pins take party and origins, too", field="pins")
    if config.boot and not _is_boot(config.boot):
        raise BadConfiguration(f"{path}: 32 hex digits", field="boot")


def _is_boot(text: str) -> bool:
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)


def boot_id(config: Config) -> str:
    """32 hex digits that change when the host starts anew."""
    return config.boot or _KERNEL_BOOT_ID.read_text().strip().replace("-", "")
