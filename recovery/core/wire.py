"""What agents and gateways say to each other. No Django: the agent imports it.

Two channels. A *heartbeat* is one small datagram a second, authenticated by a key that only
this host and the gateways hold; it grants nothing. Everything else is a JSON text frame on one
WebSocket (`/agent`), each a tagged struct below; unknown fields are ignored (a newer agent may
send more), unknown tags and wrong types are refused with the field's name (`BadMessage`).

Order of a session, agent A and gateway G:

    G → Challenge
    A → Enrol                (only without an identity: join token, keys)   G → Enrolled
    A → Hello                (Ed25519 signature over the challenge)
    G → Welcome              (quarantine or not; the heartbeat's address)
    A → Report(full=True)    then changes only, and a full one every 30 s
    G → Desired              whenever it changes, and after every Welcome
    G → Order / A → Outcome  at any time; G → Probe / A → Sighting
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from recovery.core.errors import BadMessage

PROTOCOL = 1
MAX_FRAME = 64 * 1024
"""Largest WebSocket frame that either side accepts, in bytes (safety.md A7)."""

HEARTBEAT_SECONDS = 1.0

# ------------------------------------------------------------------ the heartbeat datagram

_HEAD = struct.Struct("!2sBB16s16sQQ")
_MAGIC = b"TH"
_MAC_BYTES = 16
HEARTBEAT_BYTES = _HEAD.size + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One sign of life. `boot` changes when the host starts anew, `sequence` rises within it.

    `flags` bit 0: the agent is in quarantine; bit 1: a container is crash-looping;
    bit 2: sent over the WebSocket because datagrams do not get through.
    `uptime_ms` is the host's BOOTTIME in milliseconds, for people only.
    """

    host: bytes
    boot: bytes
    sequence: int
    uptime_ms: int
    flags: int = 0


def pack_heartbeat(beat: Heartbeat, key: bytes) -> bytes:
    """The datagram: header and keyed BLAKE2b over it (`HEARTBEAT_BYTES` long)."""
    head = _HEAD.pack(
        _MAGIC, PROTOCOL, beat.flags, beat.host, beat.boot, beat.sequence, beat.uptime_ms
    )
    return head + _mac(head, key)


def peek_host(datagram: bytes) -> bytes:
    """The host that a datagram claims, so that its key can be found. Raises `BadMessage`."""
    if len(datagram) != HEARTBEAT_BYTES:
        raise BadMessage(f"{len(datagram)} bytes instead of {HEARTBEAT_BYTES}", field="length")
    if datagram[:2] != _MAGIC:
        raise BadMessage("not a heartbeat", field="magic")
    if datagram[2] != PROTOCOL:
        raise BadMessage(f"version {datagram[2]}, this side speaks {PROTOCOL}", field="version")
    return datagram[4:20]


def unpack_heartbeat(datagram: bytes, key: bytes) -> Heartbeat:
    """The verified heartbeat; `BadMessage` names what is wrong with it.

    Replay is the receiver's to refuse: per boot, a sequence not above the last one seen.
    """
    peek_host(datagram)
    head, mac = datagram[: _HEAD.size], datagram[_HEAD.size :]
    if not hmac.compare_digest(mac, _mac(head, key)):
        raise BadMessage("forged, or made with another key", field="mac")
    _, _, flags, host, boot, sequence, uptime_ms = _HEAD.unpack(head)
    return Heartbeat(host, boot, sequence, uptime_ms, flags)


def _mac(head: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(head, key=key, digest_size=_MAC_BYTES).digest()


# ------------------------------------------------------------------ frames


class Frame(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, kw_only=True):
    """A message on the socket; its tag is the class's name in lower case."""


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
    `address` and `probe_port`: where peers reach this host's kernel (TCP).
    """

    host_id: str
    boot: str
    agent_version: str
    protocol: int
    signature: str
    address: str
    probe_port: int
    resumed_from: int = 0
    adapters: tuple[str, ...] = ("process",)


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


FromAgent = Enrol | Hello | Report | Outcome | Sighting | Beat | Refusal
FromGateway = Challenge | Enrolled | Welcome | Desired | Order | Probe | Look | Refusal

Decoded = TypeVar("Decoded")

_encoder = msgspec.json.Encoder()
_from_agent: msgspec.json.Decoder[FromAgent] = msgspec.json.Decoder(FromAgent)
_from_gateway: msgspec.json.Decoder[FromGateway] = msgspec.json.Decoder(FromGateway)


def encode(frame: Frame) -> str:
    """A frame as JSON text."""
    return _encoder.encode(frame).decode()


def decode_from_agent(text: str | bytes) -> FromAgent:
    """A frame that an agent sent; `BadMessage` names the field that is wrong."""
    return _decode(_from_agent, text)


def decode_from_gateway(text: str | bytes) -> FromGateway:
    """A frame that a gateway sent; `BadMessage` names the field that is wrong."""
    return _decode(_from_gateway, text)


def _decode(decoder: msgspec.json.Decoder[Decoded], text: str | bytes) -> Decoded:
    if len(text) > MAX_FRAME:
        raise BadMessage(f"{len(text)} bytes, at most {MAX_FRAME}", field="length")
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(str(error), field=_path(str(error))) from error


def _path(message: str) -> str:
    """The `$.path` that msgspec names in its message, or nothing."""
    _, _, path = message.rpartition("`$")
    return path.rstrip("`").lstrip(".") if path.endswith("`") else ""


# ------------------------------------------------------------------ keys


def enrol_bytes(nonce: str, exchange_key: bytes) -> bytes:
    """What `Enrol.signature` signs."""
    return b"tocsin-enrol" + bytes.fromhex(nonce) + exchange_key


def hello_bytes(nonce: str, boot: str) -> bytes:
    """What `Hello.signature` signs."""
    return b"tocsin-hello" + bytes.fromhex(nonce) + bytes.fromhex(boot)


def derive_heartbeat_key(shared: bytes, host_id: bytes) -> bytes:
    """32 bytes from the X25519 secret that both sides computed, bound to the host."""
    return hashlib.blake2b(shared, key=host_id, person=b"tocsin-beat", digest_size=32).digest()
