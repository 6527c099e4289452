"""What a backup's manifest says: enough to tell each piece from anything else."""

from __future__ import annotations

from typing import Literal

import msgspec

from recovery.core.errors import TocsinError


class BadManifest(TocsinError):
    """An object that is named as a manifest and is none."""


class PartFact(msgspec.Struct, frozen=True):
    """`size`, `digest`: of the sealed object (BLAKE2b-256, hex); `plain`: bytes inside."""

    size: int
    digest: str
    plain: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Of a base backup or of a snapshot. Moments in milliseconds since 1970; positions of the log
    as numbers, 0 where the engine has none. `segment`: bytes of a segment of the log."""

    engine: Literal["postgresql", "valkey"]
    major: int
    version: str
    database: str
    system: str
    backup: str
    timeline: int = 0
    start: int = 0
    stop: int = 0
    segment: int = 0
    begun: int
    ended: int
    key: str
    parts: tuple[PartFact, ...]

    @property
    def plain(self) -> int:
        """Bytes that a restore unpacks."""
        return sum(part.plain for part in self.parts)

    def encoded(self) -> bytes:
        return msgspec.json.encode(self)


def decode_manifest(data: bytes) -> Manifest:
    """Refuses with a sentence what is no manifest."""
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadManifest(f"The manifest cannot be read: {error}.") from error
