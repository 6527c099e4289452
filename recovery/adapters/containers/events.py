"""The engine's event stream: wakes the agent soon after a container ended.

A convenience: the agent looks each second anyway, so a stream that breaks (or an engine behind
TLS, which this does not speak) costs at most that second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

_AGAIN_SECONDS = 1.0
_DIED = b'"die'
"""Docker says "die", Podman "died"."""


async def listen(url: str, labels: Mapping[str, str], wake: Callable[[], None]) -> None:
    """Calls `wake` for every container with these labels that ends, until cancelled."""
    while True:
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            await _stream(url, labels, wake)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _stream(url: str, labels: Mapping[str, str], wake: Callable[[], None]) -> None:
    filters = {"type": ["container"], "label": [f"{k}={v}" for k, v in labels.items()]}
    reader, writer = await _open(url)
    try:
        path = f"/v1.40/events?filters={quote(json.dumps(filters))}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: engine\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        while chunk := await reader.read(65536):
            if _DIED in chunk:
                wake()
    finally:
        writer.close()


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return await asyncio.open_unix_connection(parts.path)
    return await asyncio.open_connection(parts.hostname, parts.port or 2375)
