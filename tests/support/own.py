"""Addresses and ports of one test process's own: workers, and whole runs side by side, never meet.

Invariant: a slot belongs to one living process of this machine, whoever started it. It is claimed
by a socket in the kernel's abstract names, so it is free again the moment its owner is gone.
"""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Iterator

from recovery.engines.ports import is_free

_SLOTS, _PORTS_EACH = 24, 440


def _claimed() -> tuple[socket.socket, int]:
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    for slot in range(_SLOTS):
        try:
            held.bind(f"\0tocsin-tests-{slot}")
        except OSError:
            continue
        return held, slot
    held.close()
    raise RuntimeError(f"{_SLOTS} test processes run here already: their addresses are used up.")


_HELD, _SLOT = _claimed()
OCTET = 148 + _SLOT
"""127.OCTET.0.0/16 is ours, and for a lab's inner addresses 127.(OCTET + 64): 148 to 235.

People's labs have 20 to 51 (inner 84 to 115), whole stacks 52 to 75 (inner 116 to 139).
"""
STACK = 52 + _SLOT
"""127.STACK.0.0/16 is for the lab of a whole Tocsin."""
NETNS_SHIFT = 140
"""In mode netns a stack's lab has 10.(52 + 140).0.0/16 and so on: 192 to 215. People's have 77 to
126, and a test's own lab 10.OCTET.0.0/16. A benchmark's link to its store: 10.240.OCTET.0/30."""
PORTS = range(22_000 + _PORTS_EACH * _SLOT, 22_000 + _PORTS_EACH * (_SLOT + 1))
"""On 127.0.0.1: apart from those that a started Tocsin chooses itself, and from those that the
kernel gives to outgoing connections."""


def address(place: str) -> str:
    """`address("2.1")`: one of our own."""
    return f"127.{OCTET}.{place}"


def _round_and_round() -> Iterator[int]:
    start = secrets.randbelow(_PORTS_EACH)
    return itertools.cycle([*PORTS[start:], *PORTS[:start]])


_turns = _round_and_round()


def free_port() -> int:
    """Free for TCP and datagrams, and given to nobody else before all others had their turn: who
    was given it may not have bound it yet."""
    return free_block(1)[0]


def free_block(size: int) -> range:
    """As many in a row."""
    run: list[int] = []
    for port in itertools.islice(_turns, 2 * _PORTS_EACH):
        if run and port != run[-1] + 1:
            run.clear()
        if not all(is_free(port, kind=kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            run.clear()
            continue
        run.append(port)
        if len(run) == size:
            return range(run[0], port + 1)
    raise RuntimeError(f"no {size} ports in a row are free from {PORTS.start} to {PORTS.stop}.")
