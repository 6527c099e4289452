"""Which names a store takes: those that mean the same to a bucket and to a folder."""

from __future__ import annotations

import re

from recovery.core.ports import StoreRefused

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9@._-]*(/[A-Za-z0-9_-][A-Za-z0-9@._-]*)*")
LONGEST = 512


def checked(name: str) -> str:
    """The name; refuses what could leave the store or hide in it."""
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise StoreRefused(f"{name[:80]!r} is no name of an object.", field="name")
    return name
