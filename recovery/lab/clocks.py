"""The time of day of a host's agent, which the lab can step: by libfaketime, where it is asked for.

`TOCSIN_LAB_CLOCKS` names the library (Debian: package `faketime`). BOOTTIME and MONOTONIC stay the
kernel's: a step is what an administrator, or a broken time server, does to the time of day. Servers
keep the machine's, so that whoever checks them has one clock for all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from recovery.core.errors import Refused

ASKED = "TOCSIN_LAB_CLOCKS"
DEBIAN = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_FILE, _PRELOAD = "FAKETIME_TIMESTAMP_FILE", "LD_PRELOAD"
_NAME = "clock"
MOST_SECONDS = 86_400.0


def of_the_zygote(environ: Mapping[str, str]) -> dict[str, str]:
    """What it is started with; nothing where nobody asked."""
    library = environ.get(ASKED, "")
    if not library:
        return {}
    return {
        _PRELOAD: library,
        _FILE: os.devnull,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def take(host: Path) -> None:
    """In a host's first process: a clock of its own from now on, and nobody that it executes has
    it. A boot sets the time right."""
    if os.environ.pop(_PRELOAD, ""):
        _set(host, 0.0)
        os.environ[_FILE] = str(host / _NAME)


def step(host: Path, seconds: float) -> None:
    """Away from the machine's time of day by so much; 0 sets it right."""
    if not (host / _NAME).exists():
        if not seconds:
            return
        raise Refused("This lab has no clocks to step.", todo=f"Start it with {ASKED}={DEBIAN}.")
    _set(host, seconds)


def _set(host: Path, seconds: float) -> None:
    """In one stroke, for it is read all the time."""
    beside = host / f"{_NAME}.new"
    beside.write_text(f"{seconds:+.0f}\n")
    beside.replace(host / _NAME)
