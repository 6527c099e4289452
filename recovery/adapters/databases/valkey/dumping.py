"""A server's whole data as it sends them to a new standby: one RDB file, of one instant.

Invariant: what ends without an error is as long as the server said and begins and ends as an RDB
file does; its own checksum is read by the server that loads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from recovery.core.ports import EngineAway, EngineFailed, Login

_SECONDS = 60.0
_BLOCK = 1 << 18
_CHECKSUM = 8


async def dump(host: str, port: int, password: str) -> AsyncGenerator[bytes]:
    """As the replication role. `EngineAway` when it breaks off."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, limit=_BLOCK)
    except (OSError, TimeoutError) as error:
        raise EngineAway(f"the server does not answer: {error}") from error
    try:
        await _say(reader, writer, "AUTH", Login.REPLICATION.value, password)
        await _say(reader, writer, "REPLCONF", "rdb-only", "1")
        writer.write(_command("SYNC"))
        async for piece in _bulk(reader):
            yield piece
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise EngineAway(f"the server broke off its dump: {error}") from error
    finally:
        writer.close()


def _command(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
    return "".join(parts).encode()


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str) -> None:
    writer.write(_command(*words))
    answer = await _line(reader)
    if not answer.startswith("+"):
        raise EngineFailed(f"the server refused {words[0]}: {answer}")


async def _line(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(_SECONDS):
        return (await reader.readuntil(b"\n")).decode(errors="replace").strip()


async def _bulk(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    """Empty lines say that it still prepares the file."""
    while not (head := await _line(reader)):
        pass
    if not head.startswith("$") or not head[1:].isdigit():
        raise EngineFailed(f"the server sends no dump: {head}")
    left = length = int(head[1:])
    first, last = b"", b""
    while left:
        async with asyncio.timeout(_SECONDS):
            piece = await reader.read(min(_BLOCK, left))
        if not piece:
            raise EngineAway(f"the server broke off its dump {left} bytes before its end")
        left -= len(piece)
        first, last = first or piece, (last + piece)[-_CHECKSUM - 1 :]
        yield piece
    if not first.startswith((b"REDIS", b"VALKEY")) or last[:1] != b"\xff":
        raise EngineFailed(f"what the server sent is no dump: {length} bytes")
