"""Which network a lab takes: two Tocsins on one machine must not share addresses.

Invariant: a network that somebody named is used or refused (by the lab, with a sentence); only
the file's own, which nobody chose, gives way to the next free one, and that one is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from recovery.core.errors import BadConfiguration
from recovery.engines.ports import is_free_datagram_port
from recovery.lab.addresses import network_of
from recovery.lab.layout import Layout
from recovery.lab.net.uplink import DATAGRAM_PORT
from recovery.lab.netns import ground as netns
from recovery.lab.netns import switch
from recovery.lab.settings import LabSettings

CANDIDATES = [f"127.{n}.0.0/16" for n in range(20, 52)]
"""The inner addresses are 64 above: 84 to 115."""


def choose_network(layout: Layout, settings: LabSettings) -> str:
    """The network to use now."""
    if os.environ.get("TOCSIN_LAB_NETWORK"):
        return settings.network
    ours = [settings.network] if settings.network else []
    if settings.mode == "netns":
        switch.require()
        return _namespaces(ours, settings.folder)
    return first_free(
        chain(ours, [layout.network], CANDIDATES), lambda network: _is_free(layout, network)
    )


def _namespaces(ours: list[str], folder: Path) -> str:
    return first_free(
        chain(ours, netns.CANDIDATES), lambda network: switch.is_free(network_of(network), folder)
    )


def first_free(networks: Iterable[str], is_free: Callable[[str], bool]) -> str:
    """The first of them that nobody uses."""
    for network in networks:
        if is_free(network):
            return network
    raise BadConfiguration(
        "none of the networks that the lab may take is free.",
        field="TOCSIN_LAB_NETWORK",
        todo="Stop another lab, or name a free network.",
    )


def _is_free(layout: Layout, network: str) -> bool:
    """A lab holds a datagram port on the inner address of each of its hosts."""
    return is_free_datagram_port(DATAGRAM_PORT, next(layout.hosts(network)).inner)
