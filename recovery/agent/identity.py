"""Who this host is: keys made here, an identity given once. The private keys never leave."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from recovery.agent.disk import write_atomic
from recovery.core import wire
from recovery.core.errors import BadConfiguration, BadMessage


class _Kept(msgspec.Struct):
    signing: str
    exchange: str
    host_id: str = ""
    gateway_exchange: str = ""


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(slots=True)
class Identity:
    """The host's keys and, once enrolled, its id and heartbeat key."""

    path: Path
    signing: Ed25519PrivateKey
    exchange: X25519PrivateKey
    host_id: str = ""
    gateway_exchange: str = ""
    heartbeat_key: bytes = field(default=b"", repr=False)

    @property
    def is_enrolled(self) -> bool:
        return bool(self.host_id)

    @property
    def host_bytes(self) -> bytes:
        return uuid.UUID(self.host_id).bytes

    def enrol(self, token: str, name: str, nonce: str) -> wire.Enrol:
        """The request for an identity, bound to this session's nonce."""
        exchange = self.exchange.public_key().public_bytes_raw()
        return wire.Enrol(
            token=token,
            host=name,
            public_key=_text(self.signing.public_key().public_bytes_raw()),
            exchange_key=_text(exchange),
            signature=_text(self.signing.sign(wire.enrol_bytes(nonce, exchange))),
        )

    def sign_hello(self, nonce: str, boot: str) -> str:
        return _text(self.signing.sign(wire.hello_bytes(nonce, boot)))

    def sign(self, data: bytes) -> str:
        """For receipts, of which the control plane knows the public key."""
        return _text(self.signing.sign(data))

    def accept(self, enrolled: wire.Enrolled) -> None:
        """Takes the identity and keeps it on the disk before anything uses it."""
        self._derive(enrolled.host_id, enrolled.exchange_key)
        self.save()

    def forget(self) -> None:
        """Drops the host id (the control plane does not know it); the keys stay."""
        self.host_id, self.gateway_exchange, self.heartbeat_key = "", "", b""
        self.save()

    def save(self) -> None:
        kept = _Kept(
            signing=_text(self.signing.private_bytes_raw()),
            exchange=_text(self.exchange.private_bytes_raw()),
            host_id=self.host_id,
            gateway_exchange=self.gateway_exchange,
        )
        write_atomic(self.path, msgspec.json.encode(kept))

    def _derive(self, host_id: str, gateway_exchange: str) -> None:
        try:
            host = uuid.UUID(host_id).bytes
            public = X25519PublicKey.from_public_bytes(base64.b64decode(gateway_exchange))
            shared = self.exchange.exchange(public)
        except ValueError as error:
            raise BadMessage(f"no identity can be made of it: {error}", field="enrolled") from error
        self.heartbeat_key = wire.derive_heartbeat_key(shared, host)
        self.host_id, self.gateway_exchange = host_id, gateway_exchange


def load(path: Path) -> Identity:
    """The identity on the disk; fresh keys, saved, where there is none."""
    if not path.exists():
        fresh = Identity(path, Ed25519PrivateKey.generate(), X25519PrivateKey.generate())
        fresh.save()
        return fresh
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        identity = Identity(
            path,
            Ed25519PrivateKey.from_private_bytes(base64.b64decode(kept.signing)),
            X25519PrivateKey.from_private_bytes(base64.b64decode(kept.exchange)),
        )
        if kept.host_id:
            identity._derive(kept.host_id, kept.gateway_exchange)
    except (msgspec.MsgspecError, ValueError, BadMessage) as error:
        raise BadConfiguration(
            f"{path} is damaged ({error})", todo="Remove it and enrol with a new join token."
        ) from error
    return identity
