"""The names of what a returned copy held beyond its primary, and the list of its files. Pure.

    _exports/<database>/<export>/part-NNNNN
    _exports/<database>/<export>/contents

No database is called `_exports`, so no listing of a database's backups ever meets them.
Invariants: the contents come last, so without them there is no export; a file is a run of whole
parts, so each is read without the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

from recovery.core.archive.manifest import BadManifest

ROOT = "_exports/"
_NAME = re.compile(
    r"_exports/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?/(?P<export>[0-9a-f-]{1,36})/"
    r"(?P<what>contents|part-\d{5})"
)


def prefix_of(database: str, export: str) -> str:
    """How every name of it begins."""
    return f"{ROOT}{database}/{export}/"


def contents_of(database: str, export: str) -> str:
    return f"{prefix_of(database, export)}contents"


def part_of(database: str, export: str, number: int) -> str:
    return f"{prefix_of(database, export)}part-{number:05d}"


def export_named(name: str) -> str:
    """Of which export an object of this name is; empty where it is of none."""
    found = _NAME.fullmatch(name)
    return found["export"] if found else ""


def digest_of_all(sealed: Mapping[str, str]) -> str:
    """SHA-256 of the names of all objects with theirs, in the order of the names: what a download
    is compared by without opening it."""
    lines = (f"{name} {digest}\n" for name, digest in sorted(sealed.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class ExportedFile(msgspec.Struct, frozen=True):
    """`size`, `sha256`: of the plain file; `parts`: how many, from `first` on."""

    name: str
    size: int
    sha256: str
    first: int
    parts: int


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """`at`: when it was made, in milliseconds since 1970; `replica`: whose data it is of."""

    database: str
    export: str
    replica: str
    engine: str
    at: int
    files: tuple[ExportedFile, ...]

    def encoded(self) -> bytes:
        return msgspec.json.encode(self)


def decode_contents(data: bytes) -> Contents:
    """Refuses with a sentence what is none."""
    try:
        return msgspec.json.decode(data, type=Contents)
    except msgspec.MsgspecError as error:
        raise BadManifest(f"The contents cannot be read: {error}.") from error
