"""A store of the lab as the one program of its machine: SeaweedFS, and its bucket in it.

Invariant: it ends when its service ends, and takes it along however it ends; its machine's first
process then starts it again.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from recovery.agent.disk import private_folder, write_atomic
from recovery.engines.ports import QUIET
from recovery.lab import linux
from recovery.lab.layout import LabHost
from recovery.lab.stores.entries import BUCKET, BUCKET_PORT
from recovery.lab.stores.seaweed import ADMIN, PARTS, READER, Identity, Weed, is_quiet
from recovery.lab.stores.secrets import Secrets

_POLITE = 10
"""Backups give way to databases and to what watches them."""
_LOOK_SECONDS = 0.2


def write_config(host: LabHost, folder: Path, known: Secrets, ports: dict[str, list[int]]) -> Path:
    """What `serve` is told, in a file of its own. `ports`: of each of this lab's stores."""
    config = folder / "store.json"
    others = {port for name, each in ports.items() if name != host.name for port in each}
    ports[host.name] = _ports(config, others)
    told = {
        "address": host.inner,
        "inside": host.beside,
        "ports": ports[host.name],
        "writing": known.writing(host.name),
        "reading": known.reading(host.name),
    }
    write_atomic(config, json.dumps(told).encode())
    return config


def _ports(config: Path, taken: Collection[int]) -> list[int]:
    """Those that it had, where they are free still: its parts know one another by them."""
    kept = json.loads(config.read_text())["ports"] if config.exists() else []
    if not kept or any(port in taken or not is_quiet(port) for port in kept):
        free = (port for port in _shuffled() if port not in taken and is_quiet(port))
        kept = list(islice(free, 2 * len(PARTS)))
    return kept


def _shuffled() -> list[int]:
    return secrets.SystemRandom().sample(QUIET, len(QUIET))


def serve(config: Path) -> int:
    """Until the service ends; its exit code."""
    told = json.loads(config.read_text())
    data = private_folder(config.parent / "data")
    weed = Weed(data, told["address"], told["inside"], _by_part(told["ports"]))
    rights = {"writing": [f"{ADMIN}:{BUCKET}"], "reading": [f"{each}:{BUCKET}" for each in READER]}
    weed.prepare([_identity(told[who], may) for who, may in rights.items()])
    os.nice(_POLITE)
    process = subprocess.Popen(
        weed.argv(),
        cwd=weed.folder,
        env=weed.environment(),
        stdin=subprocess.DEVNULL,
        stdout=sys.stdout,
        stderr=sys.stderr,
        preexec_fn=_with_us,  # noqa: PLW1509 (one thread)
    )
    while process.poll() is None and not weed.make_bucket(BUCKET):
        time.sleep(_LOOK_SECONDS)
    return process.wait()


def _identity(pair: list[str], may: list[str]) -> Identity:
    access, secret = pair
    return Identity(access, secret, may)


def _with_us() -> None:
    linux.die_with_parent(signal.SIGKILL)


def _by_part(inner: list[int]) -> dict[str, tuple[int, int]]:
    pairs = {name: (inner[2 * n], inner[2 * n + 1]) for n, name in enumerate(PARTS)}
    return pairs | {"s3": (BUCKET_PORT, pairs["s3"][1])}
