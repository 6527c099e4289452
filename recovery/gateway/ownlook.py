"""The gateway's own look at a host's kernel, whenever peers are asked to look.

It tells *agent-down* (the kernel answers us) from *isolated* (peers alone reach it). It may clear
a host; it is never a witness against one.
"""

from __future__ import annotations

import asyncio

from recovery.core import wire
from recovery.gateway.state import Noted, State

OURSELVES = "control-plane"
TIMEOUT_SECONDS = 0.8


async def look_ourselves(state: State, peer: wire.Peer) -> None:
    """Note what a TCP connect to the host's probe port meets, as of when it began."""
    began = state.clock.monotonic()
    kernel = await meet_kernel(peer.address, peer.probe_port + state.back_door)
    state.looks[peer.host_id, OURSELVES] = Noted(kernel, 0, 0, began)


async def meet_kernel(address: str, port: int) -> wire.Kernel:
    """`unknown` where the fault may be ours: no route, no socket left."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return "silent"
    except (ConnectionRefusedError, ConnectionResetError):
        return "resets"
    except OSError:
        return "unknown"
    writer.transport.abort()
    return "answers"
