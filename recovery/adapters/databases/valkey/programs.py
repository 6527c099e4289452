"""Which Valkey or Redis servers are on this host, by their major version.

Where both have the same number the first one is meant: `TOCSIN_VALKEY_SERVER` or the wheel's,
then what is in PATH, Valkey before Redis.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from functools import cache

from recovery.core.errors import TocsinError
from recovery.core.ports import EngineFailed
from recovery.engines.valkey import find_server

OLDEST = 7
"""Its append-only file is a folder, and its access lists know what we ask for."""


def major(version: str) -> int:
    """9 of "9" or "9.1.0"; refuses what is no version."""
    found = re.match(r"\d+", version.strip())
    if not found:
        raise EngineFailed(f"{version!r} is no version of Valkey or Redis", field="version")
    return int(found.group())


def program_for(version: str) -> str:
    """The server program of this major version; refuses with what is here."""
    wanted = major(version)
    if wanted < OLDEST:
        raise EngineFailed(f"version {wanted} is too old, at least {OLDEST}", field="version")
    here = installed()
    if wanted not in here:
        names = ", ".join(str(each) for each in sorted(here)) or "none"
        raise EngineFailed(
            f"neither Valkey {wanted} nor Redis {wanted} is on this host, which has {names}",
            field="version",
            todo="apt-get install redis-server (7), or set TOCSIN_VALKEY_SERVER.",
        )
    return here[wanted]


@cache
def installed() -> dict[int, str]:
    """Major version → program."""
    places: list[str] = []
    with contextlib.suppress(TocsinError):
        places.append(str(find_server()))
    beside = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    places += [place for place in beside if place]
    found: dict[int, str] = {}
    for place in places:
        said = subprocess.run([place, "--version"], capture_output=True, text=True, check=False)
        version = re.search(r"v=(\d+)\.", said.stdout)
        if version:
            found.setdefault(int(version.group(1)), place)
    return found
