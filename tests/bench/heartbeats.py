"""The heartbeat path at 10,000 hosts: `python -m tests.bench.heartbeats [--small]`.

What one datagram costs the gateway's receive loop (verified, in order, into the arrays); what a
digest costs both sides, and how large it is.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from uuid import uuid4

import django

from recovery.controller.eyes import Eyes
from recovery.core import wire
from recovery.core.clock import system
from recovery.gateway import digest
from recovery.gateway.liveness import Liveness

ROUNDS = 20


def main(hosts: int = 10_000) -> dict[str, float]:
    """Print the table; the figures by name."""
    keys = [(uuid4().bytes, bytes([number % 256]) * 32) for number in range(hosts)]
    liveness = Liveness()
    liveness.know(keys)
    figures = {"hosts": float(hosts), "accept_us": accept(liveness, keys)}
    figures |= digests(liveness)
    print(f"{hosts:,} hosts, one heartbeat a second each")
    share = figures["accept_us"] * hosts / 1e4
    print(f"accept a datagram     {figures['accept_us']:8.1f} µs ({share:.0f} % of a core)")
    print(f"first digest          {figures['first_bytes'] / 1024:8.1f} KiB")
    print(f"a digest              {figures['bytes'] / 1024:8.1f} KiB, five a second")
    print(f"made by the gateway   {figures['made_ms']:8.2f} ms")
    print(f"read by a controller  {figures['read_ms']:8.2f} ms")
    return figures


def accept(liveness: Liveness, keys: list[tuple[bytes, bytes]]) -> float:
    """Median microseconds of `Liveness.accept` over whole seconds of the fleet."""
    boot, spans = uuid4().bytes, []
    for sequence in range(1, 6):
        datagrams = [
            wire.pack_heartbeat(wire.Heartbeat(host, boot, sequence, 1), key) for host, key in keys
        ]
        now, began = system.monotonic(), time.process_time()
        taken = sum(liveness.accept(datagram, now) for datagram in datagrams)
        spans.append((time.process_time() - began) / len(datagrams) * 1e6)
        assert taken == len(datagrams)
    return statistics.median(spans)


def digests(liveness: Liveness) -> dict[str, float]:
    """Sizes in bytes and CPU milliseconds of both sides."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from recovery.gateway.link import Teller
    from recovery.gateway.state import State

    state = State(name="g", clock=system, heartbeat_to="", secret="", liveness=liveness)
    teller, eyes = Teller(state), Eyes(["g"])
    first = digest.encoder.encode(teller.next())
    eyes.take("g", digest.digest_decoder.decode(first), system.monotonic())
    frame = digest.encoder.encode(teller.next())

    def read() -> None:
        eyes.take("g", digest.digest_decoder.decode(frame), system.monotonic())
        eyes.look(system.monotonic())

    return {
        "first_bytes": float(len(first)),
        "bytes": float(len(frame)),
        "made_ms": cpu_ms(lambda: digest.encoder.encode(teller.next())),
        "read_ms": cpu_ms(read),
    }


def cpu_ms(work: Callable[[], object]) -> float:
    """Median CPU milliseconds of one call."""
    spans = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spans.append((time.process_time() - began) * 1e3)
    return statistics.median(spans)


if __name__ == "__main__":
    main(1_000 if "--small" in sys.argv else 10_000)
