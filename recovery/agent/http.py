"""The smallest HTTP client that a probe needs: one GET, its status, the connection kept.

A probe must cost little (a host makes several a second), so this speaks the protocol itself.
"""

from __future__ import annotations

import asyncio
import contextlib

_MAX_RESPONSE = 64 * 1024


class HttpFailure(Exception):
    """No HTTP answer; the message says what happened instead."""


class Getter:
    """GETs one path of one address, over a kept connection where the other side allows it."""

    def __init__(self, address: str, port: int, path: str, source: str = "") -> None:
        self._address, self._port = address, port
        self._source = (source, 0) if source else None
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: tocsin-agent\r\n\r\n"
        ).encode()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def status(self, patience: float) -> int:
        """The status code of one GET. Raises `HttpFailure` or `OSError`."""
        kept = self._writer is not None
        try:
            async with asyncio.timeout(patience):
                try:
                    return await self._exchange()
                except (EOFError, ConnectionError):
                    self.close()
                    if not kept:
                        raise
                    return await self._exchange()
        except TimeoutError as error:
            self.close()
            raise HttpFailure(f"no answer within {patience:g} s") from error
        except EOFError as error:
            self.close()
            raise HttpFailure("closed without an answer") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            with contextlib.suppress(RuntimeError):
                writer.transport.abort()

    async def _exchange(self) -> int:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._address, self._port, local_addr=self._source, limit=_MAX_RESPONSE
            )
        self._writer.write(self._request)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise HttpFailure("an answer that does not end") from error
        status = _status(head)
        length = _length(head)
        if length is None or b"connection: close" in head.lower():
            self.close()
        elif length:
            await self._reader.readexactly(length)
        return status


def _status(head: bytes) -> int:
    parts = head.split(b" ", 2)
    if not head.startswith(b"HTTP/1.") or len(parts) < 2 or not parts[1].isdigit():
        raise HttpFailure("an answer that is not HTTP")
    return int(parts[1])


def _length(head: bytes) -> int | None:
    """The body's length, None where only the connection's end tells (or the line is nonsense)."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            value = line.split(b":", 1)[1].strip()
            return int(value) if value.isdigit() and int(value) <= _MAX_RESPONSE else None
    return None
