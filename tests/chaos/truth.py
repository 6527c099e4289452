"""What really runs on the lab's hosts: processes, and answers over HTTP. Never rows."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import httpx

SEEN_EVERY = 0.25
IN_A_ROW = 2
"""A process that was killed is seen once more at most: two sights in a row are two seats."""


@dataclass(frozen=True, slots=True)
class Answering:
    """One container as it describes itself."""

    host: str
    application: str
    container: str
    generation: int


def answering(addresses: Iterable[str], ports: Iterable[int]) -> list[Answering]:
    """Everything that answers on any of these ports of any of these hosts."""
    doors = [(address, port) for address in addresses for port in set(ports)]
    with ThreadPoolExecutor(16) as pool, httpx.Client(timeout=2.0) as client:
        found = list(pool.map(lambda door: _ask(client, *door), doors))
    return [one for one in found if one is not None]


def _ask(client: httpx.Client, address: str, port: int) -> Answering | None:
    try:
        body = client.get(f"http://{address}:{port}/").json()
    except (httpx.HTTPError, json.JSONDecodeError):
        return None
    return Answering(body["host"], body["application"], body["container"], int(body["generation"]))


def processes(network: str) -> Counter[tuple[str, str]]:
    """(host, application) → its container processes, of the lab on this network ("127.90.")."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        options = dict(pairwise(words))
        if "--application" in options and options.get("--address", "").startswith(network):
            found[options.get("--host", ""), options["--application"]] += 1
    return found


@dataclass(slots=True)
class Watcher:
    """Looks four times a second, from beginning to end: never two seats of one application on
    one host."""

    network: str
    faults: list[str] = field(default_factory=list)
    looks: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Watcher:
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        times: dict[tuple[str, str], int] = defaultdict(int)
        while not self._stop.wait(SEEN_EVERY):
            seen = {pair for pair, count in processes(self.network).items() if count > 1}
            self.looks += 1
            for pair in [*times]:
                if pair not in seen:
                    del times[pair]
            for pair in seen:
                times[pair] += 1
                if times[pair] == IN_A_ROW:
                    self.faults.append(f"two containers of {pair[1]} ran on {pair[0]}")
