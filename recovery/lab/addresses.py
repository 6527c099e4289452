"""Which addresses a lab's hosts have, by its network. Pure.

Loopback (127.N.0.0/16, mode `relay`): a public address, and an inner one 64 networks above where
the host's processes listen. Any other /16 (mode `netns`): one address, the host's own. Either way
a host has an address of its own by which it reaches the control plane.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

_INNER_SHIFT = 64
_UPLINKS = 128
"""In a /16 of namespaces the upper half belongs to the control plane, one address a host."""
MOST_DATACENTERS = _UPLINKS - 1
BACK_DOOR = 1
"""Added to the probe port: there the control plane looks at a host's kernel. All connects look
alike to this machine's kernel, so being cut from the control plane alone needs its own port."""


class Addresses(NamedTuple):
    """Of one host: where others reach it, where it listens, where it finds the control plane."""

    address: str
    inner: str
    uplink: str


def network_of(text: str) -> ipaddress.IPv4Network:
    """A lab's network, or `ValueError` in words."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"network {text!r}: {error}") from error
    second = network.network_address.packed[1]
    if network.is_loopback:
        if network.prefixlen != 16 or not 1 <= second < 192:
            raise ValueError(f"network {text!r}: 127.N.0.0/16 with N from 1 to 191")
    elif network.prefixlen != 16 or not network.is_private:
        raise ValueError(f"network {text!r}: 127.N.0.0/16, or a private /16 for mode netns")
    return network


def addresses_of(network: ipaddress.IPv4Network, datacenter: int, place: int) -> Addresses:
    """Of the host at this place (from 1) of this datacenter (from 1)."""
    first, second = network.network_address.packed[:2]
    if network.is_loopback:
        inner = f"{first}.{second + _INNER_SHIFT}.{datacenter}.{place}"
        return Addresses(f"{first}.{second}.{datacenter}.{place}", inner, inner)
    own = f"{first}.{second}.{datacenter}.{place}"
    return Addresses(own, own, f"{first}.{second}.{_UPLINKS + datacenter}.{place}")


def gate_address(network: ipaddress.IPv4Network) -> str:
    """The machine's own address among the hosts: users, the edge and the prober come from it."""
    return str(network.network_address + 1)


def uplinks(network: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    """The control plane's half."""
    return list(network.subnets(prefixlen_diff=1))[1]
