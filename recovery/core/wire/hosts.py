"""Frames about a host, its containers and its peers."""

from __future__ import annotations

from typing import Literal

import msgspec

from recovery.core.wire.databases import DatabaseSpec
from recovery.core.wire.frame import PROTOCOL, Frame
from recovery.core.wire.heartbeats import HEARTBEAT_SECONDS


class Limits(msgspec.Struct, frozen=True):
    """What a container may use. CPU in thousandths of a core, memory in MiB."""

    cpu_millis: int
    memory_mib: int


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One container to run: the seat (`placement`), whose it is, and how it starts.

    `command` is an argv array, never a shell line; `{host}`, `{port}`, `{container}` and
    `{version}` inside an element are filled in by the agent. An empty `image` means the
    process adapter. `port` is the one that the host's address serves it on.
    """

    placement: str
    application: str
    container: str
    generation: int
    image: str = ""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    port: int = 0
    health_path: str = "/healthz"
    version: str = ""
    limits: Limits = Limits(cpu_millis=100, memory_mib=64)


ContainerState = Literal["starting", "running", "sick", "stopped", "failed"]


class ContainerFact(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent sees of one container now. `running` means that its health path answers."""

    placement: str
    application: str
    container: str
    generation: int
    state: ContainerState
    port: int = 0
    restarts: int = 0
    detail: str = ""


# agent → gateway


class Enrol(Frame, frozen=True):
    """Asks for an identity. The token works once, for this host's name only (A1).

    `public_key`: the host's Ed25519 key; `exchange_key`: an X25519 key, from which and from
    the gateway's own the heartbeat key is derived. Both base64, made on the host.
    `signature`: base64 Ed25519 over ``b"tocsin-enrol" + nonce + exchange_key`` (raw bytes).
    """

    token: str
    host: str
    public_key: str
    exchange_key: str
    signature: str


class Hello(Frame, frozen=True):
    """Says who it is. `signature`: base64 Ed25519 over ``b"tocsin-hello" + nonce + boot``.

    `boot` is 32 hex digits; `resumed_from` the newest leader epoch in the agent's journal.
    `address` and `probe_port`: where peers reach this host's kernel (TCP). `peer_port`: where
    the agents of its databases' other members ask it for promises (0: it has none). `witness`: it
    cosigns checkpoints of the audit log.
    """

    host_id: str
    boot: str
    agent_version: str
    protocol: int
    signature: str
    address: str
    probe_port: int
    peer_port: int = 0
    resumed_from: int = 0
    adapters: tuple[str, ...] = ("process",)
    witness: bool = False


class Report(Frame, frozen=True):
    """What runs here. `full` replaces the last picture, otherwise only what changed.

    `desired_version`: the newest `Desired.version` that this host holds on its disk.
    """

    full: bool
    containers: tuple[ContainerFact, ...]
    desired_version: int = 0


OutcomeState = Literal["done", "failed", "refused", "unknown"]


class Outcome(Frame, frozen=True):
    """What became of an order: `done` is an observed fact, never a hope (B8)."""

    operation: str
    epoch: int
    state: OutcomeState
    detail: str = ""
    receipt: str = ""
    """Base64 Ed25519 of the host's key over `receipt_bytes`: proof of a closed gate (I-DB-4)."""


Kernel = Literal["answers", "resets", "silent", "unknown"]


class Sighting(Frame, frozen=True):
    """What this host sees of a peer. `looked` says that it answers a `Look`.

    `kernel`: a TCP connect to the peer's probe port is accepted, reset, or times out.
    `answering` of `asked` containers gave any HTTP answer. `age_ms`: how old the look is.
    """

    target: str
    kernel: Kernel
    answering: int
    asked: int
    age_ms: int
    looked: bool = False


class Beat(Frame, frozen=True):
    """A heartbeat datagram in base64, where datagrams are blocked."""

    datagram: str


# gateway → agent


class Challenge(Frame, frozen=True):
    """First frame of a session. `nonce`: 64 hex digits."""

    nonce: str
    protocol: int = PROTOCOL


class Enrolled(Frame, frozen=True):
    """The identity: keep it. Heartbeat key = `derive_heartbeat_key`."""

    host_id: str
    exchange_key: str


class Welcome(Frame, frozen=True):
    """The session stands. `heartbeat_to`: "address:port" for datagrams."""

    heartbeat_to: str
    quarantined: bool
    epoch: int
    heartbeat_seconds: float = HEARTBEAT_SECONDS


class Desired(Frame, frozen=True):
    """All that should run on this host, whole. A lower `version` than the one kept is refused.

    In quarantine the agent stops what is not in `containers` and starts nothing new.
    """

    version: int
    epoch: int
    quarantined: bool
    containers: tuple[ContainerSpec, ...]
    databases: tuple[DatabaseSpec, ...] = ()


Verb = Literal["start", "stop", "restart"]


class Order(Frame, frozen=True):
    """One act. The agent journals `operation` (fsync) before acting, refuses a lower `epoch`
    than the highest it journaled, and answers a repeated key with the outcome it has."""

    operation: str
    epoch: int
    verb: Verb
    container: ContainerSpec


class Peer(msgspec.Struct, frozen=True):
    """A host to probe: kernel on `probe_port`, containers by HTTP on `ports`."""

    host_id: str
    address: str
    probe_port: int
    ports: tuple[int, ...] = ()
    health_path: str = "/healthz"


class Probe(Frame, frozen=True):
    """The peers to probe from now on, each once a second."""

    peers: tuple[Peer, ...]


class Look(Frame, frozen=True):
    """Probe this peer now and answer with a `Sighting(looked=True)`, changed or not."""

    peer: Peer


class Refusal(Frame, frozen=True):
    """Why the last frame had no effect; the session may be closed after it."""

    code: str
    message: str
    field: str = ""
