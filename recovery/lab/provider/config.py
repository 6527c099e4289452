"""What a site of the provider is told: whose volumes it has, and where the other sites are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from recovery.agent.disk import private_folder, write_atomic
from recovery.backups.facts import OWN
from recovery.lab.layout import LabHost
from recovery.lab.settings import LabSettings
from recovery.lab.stores.entries import PROVIDER_PORT
from recovery.lab.stores.secrets import Secrets
from recovery.own.folder import OwnFolder


def site_of(datacenter: str) -> str:
    """As its API names it."""
    return datacenter.lower()


def volume_of(host: str) -> str:
    """The id of the volume that holds a host's spool."""
    return f"vol-{hashlib.blake2b(host.encode(), digest_size=8).hexdigest()}"


def mounts_of(settings: LabSettings, datacenter: str) -> Path:
    """Where the volumes that were made there appear."""
    return settings.provider / site_of(datacenter) / "volumes"


def write_config(
    host: LabHost, machines: Sequence[LabHost], settings: LabSettings, known: Secrets
) -> Path:
    """`machines`: all of the lab's."""
    here = [m for m in machines if m.kind == "host" and m.datacenter == host.datacenter]
    spools = {m.name: settings.backups_folder(m.name) / "spool" for m in here}
    if host.datacenter == next((m.datacenter for m in machines if m.kind == "bucket"), ""):
        spools[OWN] = OwnFolder(settings.state).spool
    others = [m for m in machines if m.kind == host.kind]
    told = {
        "address": host.inner,
        "port": PROVIDER_PORT,
        "site": site_of(host.datacenter),
        "root": str(settings.provider),
        "volumes": {volume_of(name): (name, str(spool)) for name, spool in spools.items()},
        "sites": {site_of(m.datacenter): (m.address, PROVIDER_PORT) for m in others},
        "credentials": known.reading(host.name),
    }
    path = private_folder(settings.host_folder(host.name)) / "provider.json"
    write_atomic(path, json.dumps(told).encode())
    return path
