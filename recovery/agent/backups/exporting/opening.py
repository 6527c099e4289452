"""An export's files again, from a store or from what a person took away: its objects in one tar.

Invariant: a file is written only as it was exported: each object opens under its own name alone,
and each file has the digest that the contents say.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

from recovery.adapters.backups.sealing import Keys, unseal
from recovery.core.archive.exports import (
    Contents,
    ExportedFile,
    contents_of,
    decode_contents,
    export_named,
    part_of,
)
from recovery.core.errors import Refused

Get = Callable[[str], Awaitable[bytes]]
"""A sealed object by its name."""


class TarRead:
    """The objects of a download."""

    def __init__(self, path: Path) -> None:
        try:
            self._tar = tarfile.open(path)  # noqa: SIM115 - closed by `close`
        except (OSError, tarfile.TarError) as error:
            raise Refused(f"{path.name} is no download of an export: {error}.") from error

    @property
    def contents(self) -> str:
        """The name of its contents; refuses what has none."""
        names = [name for name in self._tar.getnames() if name.endswith("/contents")]
        if len(names) != 1 or not export_named(names[0]):
            raise Refused("There is no whole export in it: the download was broken off.")
        return names[0]

    async def get(self, name: str) -> bytes:
        try:
            found = self._tar.extractfile(name)
        except KeyError:
            found = None
        if found is None:
            raise Refused(f"{name} is not in it: the download was broken off.")
        return found.read()

    def close(self) -> None:
        self._tar.close()


async def open_export(get: Get, contents: str, keys: Keys, into: Path) -> Contents:
    """Writes its files below this folder, which is made, for its owner alone."""
    found = decode_contents(unseal(await get(contents), name=contents, keys=keys))
    if contents != contents_of(found.database, found.export):
        raise Refused(f"{contents} holds another export's contents.")
    for one in found.files:
        await _write(get, found, one, keys, into / _inside(one.name))
    return found


async def _write(get: Get, contents: Contents, one: ExportedFile, keys: Keys, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        for number in range(one.first, one.first + one.parts):
            name = part_of(contents.database, contents.export, number)
            plain = unseal(await get(name), name=name, keys=keys)
            digest.update(plain)
            out.write(plain)
    if digest.hexdigest() != one.sha256:
        await asyncio.to_thread(path.unlink)
        raise Refused(f"{one.name} is not what was exported.")


def _inside(name: str) -> Path:
    """Nothing is written elsewhere, whatever a contents says."""
    words = PurePosixPath(name).parts
    if not words or any(word in {"..", "/"} for word in words):
        raise Refused(f"{name!r} is no name of a file.")
    return Path(*words)
