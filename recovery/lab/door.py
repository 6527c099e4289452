"""The lab's unix socket: one JSON request a line, one JSON answer a line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from recovery.core.errors import Refused, TocsinError
from recovery.lab import storms

if TYPE_CHECKING:
    from recovery.lab.cluster import Lab

_log = logging.getLogger("tocsin.lab.door")
Answer = dict[str, object]
Wish = Callable[["Lab", dict[str, object]], Awaitable[Answer]]


class Door:
    """Serves the socket; mode 0600, so the lab's own user only."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self._lab, self._path = lab, path
        self._server: asyncio.AbstractServer | None = None

    async def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._path.parent.stat().st_uid != os.geteuid():
            raise Refused(f"{self._path.parent} belongs to somebody else.", todo="Remove it.")
        if self._path.exists() and await _answers(self._path):
            raise Refused(f"A lab already runs behind {self._path}.", todo="Stop it first.")
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refused("a request is a JSON object", field="request")
            verb = request.pop("do", "")
            wish = storms.WISHES.get(str(verb))
            if wish is None:
                raise Refused(f"unknown: {verb!r}", field="do")
            _log.info("%s %s", verb, request)
            return {"ok": True} | await wish(self._lab, request)
        except TocsinError as error:
            return {"ok": False, "error": error.message, "field": error.field, "todo": error.todo}
        except json.JSONDecodeError as error:
            return {"ok": False, "error": f"not JSON: {error}", "field": "request", "todo": ""}
        except TimeoutError:
            return {"ok": False, "error": "it did not happen in time", "field": "", "todo": ""}


async def _answers(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True
