"""Addresses of one test process's own: workers, and whole runs side by side, never meet."""

from __future__ import annotations

import os

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_RUN = int(os.environ.get("TOCSIN_TEST_OWNER", str(os.getpid())))
OCTET = 148 + 4 * (_RUN % 10) + _WORKER % 4
"""127.OCTET.0.0/16 is ours, and for a lab's inner addresses 127.(OCTET + 64): 148 to 251.

People's labs have 20 to 51 (inner 84 to 115), whole stacks 52 to 83 (inner 116 to 147).
"""
PORTS = range(22_000 + 2_500 * (_WORKER % 4), 24_400 + 2_500 * (_WORKER % 4))
"""On 127.0.0.1, for whole stacks: apart from `free_port`'s and from outgoing connections'."""
STACKS = range(52, 84)
NETNS_SHIFT = 140
"""In mode netns a stack's lab has 10.(52 + 140).0.0/16 and so on: 192 to 223. People's have 77 to
126, and a test's own lab 10.OCTET.0.0/16."""


def address(place: str) -> str:
    """`address("2.1")`: one of our own."""
    return f"127.{OCTET}.{place}"
