"""The edge proxy: Traefik's own settings. Its routes come from our endpoint, every 500 ms.

Invariant: only the entry points for applications and databases face users; ping and metrics stay
on loopback; nothing is reported to its makers.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from recovery.core.errors import TocsinError
from recovery.engines.edge.doors import entry_point
from recovery.engines.state import State, write_private
from recovery.engines.wishes import Addresses

HEADER = "X-Tocsin-Edge"
POLL = "500ms"


class EdgeMissing(TocsinError):
    """No Traefik program was found."""


def find_traefik() -> Path:
    """The program: `TOCSIN_TRAEFIK`, else the one beside our Python, else the one in PATH."""
    beside = Path(sys.prefix) / "bin" / "traefik"
    chosen = os.environ.get("TOCSIN_TRAEFIK") or (beside if beside.exists() else None)
    found = chosen or shutil.which("traefik")
    if not found:
        raise EdgeMissing("no Traefik program found", todo="Set TOCSIN_TRAEFIK.")
    return Path(found)


def command(state: State, addresses: Addresses) -> list[str]:
    """The command line; the settings with the endpoint's secret are in a private file."""
    path = state.run / "edge.json"
    write_private(path, json.dumps(static_settings(state, addresses), indent=1))
    return watched(path, str(find_traefik()))


def watched(settings: Path, traefik: str) -> list[str]:
    """Traefik with these settings, below who ends the sessions that it leaves hanging."""
    below = [sys.executable, "-u", "-m", "recovery.engines.edge.sessions", str(settings)]
    return [*below, traefik, f"--configfile={settings}"]


def door_settings(host: str, port: int) -> dict[str, object]:
    """Of the entry point of a database. As long as Traefik has no word about it, it waits for a
    browser's request: a minute, where nothing else is said. Sessions have no such limit."""
    answers = {"respondingTimeouts": {"readTimeout": "2s"}}
    return {"address": f"{host}:{port}", "transport": answers}


def static_settings(state: State, addresses: Addresses) -> dict[str, object]:
    """Traefik's static configuration (JSON is YAML)."""
    host = addresses.web_host
    provider: dict[str, object] = {
        "endpoint": f"http://127.0.0.1:{addresses.web}/edge/routes",
        "pollInterval": POLL,
        "pollTimeout": "2s",
        "headers": {HEADER: state.secret("edge")},
    }
    if addresses.host:
        provider["endpoint"] = f"https://127.0.0.1:{addresses.web}/edge/routes"
        provider["tls"] = {"ca": str(state.tls / "ca.crt")}
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {
            "apps": {"address": f"{host}:{addresses.edge}"},
            "admin": {"address": f"127.0.0.1:{addresses.edge_admin}"},
            **{entry_point(port): door_settings(host, port) for port in addresses.databases},
        },
        "ping": {"entryPoint": "admin"},
        "metrics": {"prometheus": {"entryPoint": "admin", "addServicesLabels": True}},
        "providers": {"http": provider, "providersThrottleDuration": "100ms"},
        "log": {"level": "WARN"},
    }
