"""Which network a lab takes: two Tocsins on one machine must not share addresses.

Invariant: a network that somebody named is used or refused (by the lab, with a sentence); only
the file's own, which nobody chose, gives way to the next free one, and that one is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import chain

from recovery.core.errors import BadConfiguration
from recovery.engines.ports import is_free_datagram_port
from recovery.lab.layout import Layout
from recovery.lab.settings import LabSettings
from recovery.lab.uplink import DATAGRAM_PORT

CANDIDATES = [f"127.{n}.0.0/16" for n in range(20, 84)]
"""The inner addresses are 64 above: 84 to 147."""


def choose_network(layout: Layout, settings: LabSettings) -> str:
    """The network to use now."""
    if os.environ.get("TOCSIN_LAB_NETWORK"):
        return settings.network
    ours = [settings.network] if settings.network else []
    return first_free(
        chain(ours, [layout.network], CANDIDATES), lambda network: _is_free(layout, network)
    )


def first_free(networks: Iterable[str], is_free: Callable[[str], bool]) -> str:
    """The first of them that nobody uses."""
    for network in networks:
        if is_free(network):
            return network
    raise BadConfiguration(
        "no network from 127.20.0.0/16 to 127.83.0.0/16 is free for the lab.",
        field="TOCSIN_LAB_NETWORK",
        todo="Stop another lab, or name a free network.",
    )


def _is_free(layout: Layout, network: str) -> bool:
    """A lab holds a datagram port on the inner address of each of its hosts."""
    return is_free_datagram_port(DATAGRAM_PORT, next(layout.hosts(network)).inner)
