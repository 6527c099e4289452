"""What is signed, and keys that are derived."""

from __future__ import annotations

import hashlib


def enrol_bytes(nonce: str, exchange_key: bytes) -> bytes:
    """What `Enrol.signature` signs."""
    return b"tocsin-enrol" + bytes.fromhex(nonce) + exchange_key


def hello_bytes(nonce: str, boot: str) -> bytes:
    """What `Hello.signature` signs."""
    return b"tocsin-hello" + bytes.fromhex(nonce) + bytes.fromhex(boot)


def receipt_bytes(operation: str, replica: str, epoch: int) -> bytes:
    """What `Outcome.receipt` signs: this replica's gate is closed below a higher epoch."""
    return f"tocsin-fenced {operation} {replica} {epoch}".encode()


def derive_secret(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose ("password replication", "peer key") of a database's secret."""
    return hashlib.blake2b(purpose.encode(), key=secret.encode()[:64], digest_size=32).digest()


def derive_heartbeat_key(shared: bytes, host_id: bytes) -> bytes:
    """32 bytes from the X25519 secret that both sides computed, bound to the host."""
    return hashlib.blake2b(shared, key=host_id, person=b"tocsin-beat", digest_size=32).digest()
