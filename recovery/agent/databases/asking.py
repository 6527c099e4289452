"""Asks a member's agent: one POST from this host's own address."""

from __future__ import annotations

import asyncio
import contextlib

from recovery.agent.databases.letters import MAC_HEADER, Answer, Question, read_answer, sealed
from recovery.core.errors import BadMessage
from recovery.core.wire import Member

_MOST_BYTES = 8 * 1024


class NoAnswer(Exception):
    """It did not answer, or somebody else did."""


async def ask(
    secret: str, name: str, member: Member, question: Question, *, source: str, patience: float
) -> Answer:
    """The answer of that member's agent to this question. Raises `NoAnswer`."""
    body, seal = sealed(secret, question)
    head = (
        f"POST /databases/{name}/promise HTTP/1.1\r\nHost: {member.address}\r\n"
        f"Content-Length: {len(body)}\r\n{MAC_HEADER}: {seal}\r\n\r\n"
    ).encode()
    try:
        async with asyncio.timeout(patience):
            reply, proof = await _exchange(member, head + body, source)
        answer = read_answer(secret, reply, proof)
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, BadMessage) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    if (answer.replica, answer.number) != (member.replica, question.number):
        raise NoAnswer("an answer to another question")
    return answer


async def _exchange(member: Member, request: bytes, source: str) -> tuple[bytes, str]:
    reader, writer = await asyncio.open_connection(
        member.address,
        member.peer_port,
        local_addr=(source, 0) if source else None,
        limit=_MOST_BYTES,
    )
    try:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        length = fields.get("content-length", "0")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            raise BadMessage("an answer that is not ours", field="content-length")
        return await reader.readexactly(int(length)), fields.get(MAC_HEADER, "")
    finally:
        with contextlib.suppress(RuntimeError):
            writer.transport.abort()
