"""A primary without a lease serves alone; the one that hears of a lease is bound from then on."""

from __future__ import annotations

import asyncio
import json

from tests.agent.databases.conftest import TERMS, A, B, Pair
from tests.support.clocks.steady import steady


async def unbound(up: Pair) -> None:
    """Nobody could take over, so nobody has to stop."""
    up.is_synchronous, up.lease = False, None
    await up.desire()
    await up.until(A, gate="none")


async def heard_of_its_lease(up: Pair) -> None:
    """Both agents have the new list, and nothing is ever granted."""
    up.lease, up.epoch = TERMS, 2
    for replica, host in up.hosts.items():
        await up.gateway.desire(host.name, databases=(up.spec(replica),))
    await up.until(A, gate="open", epoch=2)
    await up.until(B, epoch=2)


async def test_a_primary_without_a_lease_serves_alone_and_its_agent_says_so(up: Pair) -> None:
    await unbound(up)
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    began = steady.monotonic()
    await up.gateway.close()
    await up.hosts[B].stop()
    await asyncio.sleep(2 * TERMS.length)
    await writer.stop()
    assert writer.longest_gap(began, steady.monotonic() - 0.1) < 1.0
    assert await told(up, A) == {"epoch": 1, "role": "primary", "state": "running", "gate": "none"}


async def test_a_lease_that_was_heard_of_and_never_granted_binds_its_primary(up: Pair) -> None:
    """Whoever granted it went before the first renewal: promises keep it, and nothing else."""
    await unbound(up)
    up.gateway.leaders = {}
    await heard_of_its_lease(up)
    await up.gateway.close()
    writer = up.writer(A)
    writer.start()
    await asyncio.sleep(0.5)
    began = steady.monotonic()
    await asyncio.sleep(2 * TERMS.length)
    assert writer.longest_gap(began, steady.monotonic() - 0.1) < 1.0
    assert (await told(up, A))["gate"] == "open"
    cut = steady.monotonic()
    await up.hosts[B].stop()
    await asyncio.sleep(TERMS.length + 1.0)
    await writer.stop()
    assert cut - 1.0 < writer.last < cut + TERMS.length + 0.1
    assert (await told(up, A))["gate"] == "closed"


async def told(pair: Pair, replica: str) -> dict[str, object]:
    """What its agent tells whoever asks for a primary."""
    address, port = pair.hosts[replica].address, pair.peer_ports[replica]
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"GET /databases/shop/primary HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        found = json.loads(await reader.readuntil(b"\n"))
    finally:
        writer.transport.abort()
    assert isinstance(found, dict)
    return found
