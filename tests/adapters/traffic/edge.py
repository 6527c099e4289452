"""A real Traefik, fed by a real HTTP endpoint, before containers that can fall silent."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from recovery.engines.edge.doors import entry_point
from recovery.engines.edge.settings import door_settings, watched
from tests.support.own import free_port
from tests.support.running import ROOT


def traefik() -> str:
    beside = Path(sys.prefix) / "bin" / "traefik"
    return str(beside) if beside.exists() else shutil.which("traefik") or ""


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b"{}"
    posts = 0
    connections = 0
    seconds = 0.0

    def setup(self) -> None:
        type(self).connections += 1
        super().setup()

    def do_GET(self) -> None:
        time.sleep(self.seconds)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).posts += 1
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(body: bytes) -> Iterator[tuple[str, type[_Quiet], ThreadingHTTPServer]]:
    """A server that gives this answer to everything."""
    kind = type("Answering", (_Quiet,), {"body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", kind, server
        server.shutdown()
        thread.join()


@contextmanager
def dead() -> Iterator[str]:
    """As a machine that is gone: connecting to it times out (its queue is full)."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def mute() -> Iterator[str]:
    """As a process under SIGSTOP: its kernel accepts, and nothing ever answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(500)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class Edge:
    """The proxy; `tell` changes what its endpoint says."""

    def __init__(self, url: str, door: int, endpoint: type[_Quiet], folder: Path) -> None:
        self.url = url
        self.door = door
        self._endpoint = endpoint
        self._log = folder / "traefik.log"

    def tell(self, configuration: Mapping[str, object]) -> None:
        self._endpoint.body = json.dumps(configuration).encode()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Its endpoint says nothing that makes sense meanwhile."""
        told, self._endpoint.body = self._endpoint.body, b"no word"
        yield
        self._endpoint.body = told

    def wait_for(self, path: str, seconds: float = 60.0) -> None:
        """Until the route stands."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if httpx.get(self.url + path, timeout=3).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)  # polling a foreign process, with a limit
        raise TimeoutError(self._log.read_text()[-2000:])


@contextmanager
def running_edge(folder: Path) -> Iterator[Edge]:
    """Traefik as Tocsin starts it, with the poll interval that it ships."""
    port, door = free_port(), free_port()
    with answering(b"{}") as (endpoint, handler, _):
        settings = {
            "entryPoints": {
                "apps": {"address": f"127.0.0.1:{port}"},
                entry_point(door): door_settings("127.0.0.1", door),
            },
            "providers": {
                "http": {"endpoint": f"{endpoint}/edge/routes", "pollInterval": "500ms"},
                "providersThrottleDuration": "100ms",
            },
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        }
        file = folder / "edge.json"
        file.write_text(json.dumps(settings))
        with (folder / "traefik.log").open("wb") as log:
            process = subprocess.Popen(
                watched(file, traefik()), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            yield Edge(f"http://127.0.0.1:{port}", door, handler, folder)
        finally:
            process.terminate()
            process.wait(10)
