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
    A → DatabaseReport       what its database servers do; G → DatabaseOrder / A → Outcome
    A → Renewal / G → Grant  the lease of a primary: a grant follows a committed row (B1)
    G → Checkpoint           now and then: the audit log's newest   A → Cosigned
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from recovery.core.errors import BadMessage
from recovery.core.wire.databases import (
    DatabaseOrder,
    DatabaseReport,
    DatabaseSpec,
    DatabaseVerb,
    EngineName,
    Grant,
    LeaseTerms,
    Member,
    Renewal,
    ReplicaFact,
    ReplicaRole,
    ServerState,
    StandbyFact,
)
from recovery.core.wire.frame import MAX_FRAME, PROTOCOL, Frame, Whole
from recovery.core.wire.heartbeats import (
    HEARTBEAT_BYTES,
    HEARTBEAT_SECONDS,
    Heartbeat,
    pack_heartbeat,
    peek_host,
    unpack_heartbeat,
)
from recovery.core.wire.hosts import (
    Beat,
    Challenge,
    ContainerFact,
    ContainerSpec,
    ContainerState,
    Desired,
    Enrol,
    Enrolled,
    Hello,
    Kernel,
    Limits,
    Look,
    Order,
    Outcome,
    OutcomeState,
    Peer,
    Probe,
    Refusal,
    Report,
    Sighting,
    Verb,
    Welcome,
)
from recovery.core.wire.keys import (
    derive_heartbeat_key,
    derive_secret,
    enrol_bytes,
    hello_bytes,
    receipt_bytes,
)
from recovery.core.wire.plans import PlanWord, pack_mandate, unpack_mandate
from recovery.core.wire.witnesses import Checkpoint, Cosigned

__all__ = [
    "HEARTBEAT_BYTES",
    "HEARTBEAT_SECONDS",
    "MAX_FRAME",
    "PROTOCOL",
    "Beat",
    "Challenge",
    "Checkpoint",
    "ContainerFact",
    "ContainerSpec",
    "ContainerState",
    "Cosigned",
    "DatabaseOrder",
    "DatabaseReport",
    "DatabaseSpec",
    "DatabaseVerb",
    "Desired",
    "EngineName",
    "Enrol",
    "Enrolled",
    "Frame",
    "FromAgent",
    "FromGateway",
    "Grant",
    "Heartbeat",
    "Hello",
    "Kernel",
    "LeaseTerms",
    "Limits",
    "Look",
    "Member",
    "Order",
    "Outcome",
    "OutcomeState",
    "Peer",
    "PlanWord",
    "Probe",
    "Refusal",
    "Renewal",
    "ReplicaFact",
    "ReplicaRole",
    "Report",
    "ServerState",
    "Sighting",
    "StandbyFact",
    "Verb",
    "Welcome",
    "Whole",
    "decode_from_agent",
    "decode_from_gateway",
    "derive_heartbeat_key",
    "derive_secret",
    "encode",
    "enrol_bytes",
    "hello_bytes",
    "pack_heartbeat",
    "pack_mandate",
    "peek_host",
    "receipt_bytes",
    "unpack_heartbeat",
    "unpack_mandate",
]

FromAgent = (
    Enrol
    | Hello
    | Report
    | Outcome
    | Sighting
    | Beat
    | Refusal
    | DatabaseReport
    | Renewal
    | Cosigned
)
FromGateway = (
    Challenge
    | Enrolled
    | Welcome
    | Desired
    | Order
    | Probe
    | Look
    | Refusal
    | DatabaseOrder
    | Grant
    | Checkpoint
)

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


NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL as JSON writes it. No row can hold one."""


def _decode(decoder: msgspec.json.Decoder[Decoded], text: str | bytes) -> Decoded:
    if len(text) > MAX_FRAME:
        raise BadMessage(f"{len(text)} bytes, at most {MAX_FRAME}", field="length")
    if NUL.search(text if isinstance(text, str) else text.decode(errors="replace")):
        raise BadMessage("a NUL is no text", field="text")
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(str(error), field=_path(str(error))) from error


def _path(message: str) -> str:
    """The `$.path` that msgspec names in its message, or nothing."""
    _, _, path = message.rpartition("`$")
    return path.rstrip("`").lstrip(".") if path.endswith("`") else ""
