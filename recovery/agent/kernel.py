"""Asks a peer's kernel for a sign of life: one TCP connect, judged by the kernel's own answer.

Invariant: a local failure (no route of our own, no descriptor left) or a look that this process
slept through is *unknown*, never silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct

from recovery.core.wire import Kernel

_RESETS = {errno.ECONNREFUSED, errno.ECONNRESET}
_SILENT = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EHOSTDOWN}
_PENDING = {errno.EINPROGRESS, errno.EWOULDBLOCK}
_ABORT = struct.pack("ii", 1, 0)
_SLEPT_SECONDS = 1.0


def judge(code: int) -> Kernel:
    """What a connect's result says. 0 is an accepted connection."""
    if code == 0:
        return "answers"
    if code in _RESETS:
        return "resets"
    return "silent" if code in _SILENT else "unknown"


async def look(address: str, port: int, patience: float, source: str = "") -> Kernel:
    """One connect, given `patience` seconds; the kernel's state decides, not our punctuality."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return "unknown"
    with sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        try:
            if source:
                sock.bind((source, 0))
            code = sock.connect_ex((address, port))
        except OSError:
            return "unknown"
        if code in _PENDING:
            await _writable(loop, sock, patience)
            code = _result(sock)
            if code == errno.ETIMEDOUT and loop.time() - started > patience + _SLEPT_SECONDS:
                return "unknown"
        return judge(code)


async def _writable(loop: asyncio.AbstractEventLoop, sock: socket.socket, patience: float) -> None:
    done: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    loop.add_writer(sock, finish)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await done
    finally:
        loop.remove_writer(sock)


def _result(sock: socket.socket) -> int:
    """0, an errno, or ETIMEDOUT for a connect that is still under way."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        return code
    try:
        sock.getpeername()
    except OSError as error:
        pending = error.errno == errno.ENOTCONN
        return errno.ETIMEDOUT if pending else (error.errno or errno.EIO)
    return 0
