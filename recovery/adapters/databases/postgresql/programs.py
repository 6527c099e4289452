"""Which PostgreSQL programs are on this host, by their major version."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from functools import cache
from pathlib import Path

from recovery.core.errors import TocsinError
from recovery.core.ports import EngineFailed
from recovery.engines.postgres import find_programs

_DEBIAN = Path("/usr/lib/postgresql")
OLDEST = 15
"""pg_rewind with settings outside of the data, and the role pg_checkpoint, came with it."""


def major(version: str) -> int:
    """15 of "15", "15.18" or "15.18 (Debian 15.18-0)"; refuses what is no version."""
    found = re.match(r"\d+", version.strip())
    if not found:
        raise EngineFailed(f"{version!r} is no version of PostgreSQL", field="version")
    return int(found.group())


def programs_for(version: str) -> Path:
    """The bin folder of this major version; refuses with what is here."""
    wanted = major(version)
    if wanted < OLDEST:
        raise EngineFailed(f"PostgreSQL {wanted} is too old, at least {OLDEST}", field="version")
    here = installed()
    if wanted not in here:
        names = ", ".join(str(each) for each in sorted(here)) or "none"
        raise EngineFailed(
            f"PostgreSQL {wanted} is not on this host, which has {names}",
            field="version",
            todo=f"apt-get install postgresql-{wanted}, or set TOCSIN_PG_BIN.",
        )
    return here[wanted]


@cache
def installed() -> dict[int, Path]:
    """Major version → bin folder: TOCSIN_PG_BIN first, then Debian's, then the wheel's."""
    places = [*sorted(_DEBIAN.glob("*/bin"))]
    with contextlib.suppress(TocsinError):
        places.append(find_programs())
    chosen = os.environ.get("TOCSIN_PG_BIN")
    if chosen:
        places.insert(0, Path(chosen))
    found: dict[int, Path] = {}
    for place in places:
        version = _version(place / "postgres")
        if version:
            found.setdefault(version, place)
    return found


def _version(program: Path) -> int:
    if not program.exists():
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found.group(1)) if found else 0
