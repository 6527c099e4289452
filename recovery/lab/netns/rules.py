"""What `ip` and `nft` are told: text only. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from recovery.lab.addresses import gate_address, uplinks
from recovery.lab.weather import Scope, Weather

HUB, WIRE = "hub", "wire"
"""In the switch's namespace: its bridge, and its end of the link to this machine."""
_BOTH: frozenset[Scope] = frozenset({"control", "public"})
_PARTS = 10_000

LIFE = """
table inet life {
  flags owner
  chain in { type filter hook input priority -200; meta mark set 1; }
  chain out { type filter hook output priority -200; meta mark set 1; }
}
"""
"""Marks what a living host sends and gets. The kernel takes it away with its owner."""

GATE = """
table inet gate {
  chain in { type filter hook input priority 0; policy drop; meta mark 1 accept; }
  chain out { type filter hook output priority 0; policy drop; meta mark 1 accept; }
}
"""
"""Nothing passes without the mark of life."""


def outer_name(network: ipaddress.IPv4Network) -> str:
    """This machine's end of the link to the switch."""
    first, second = network.network_address.packed[:2]
    return f"tocsin{second}" if first == 10 else f"tocsin{first}-{second}"


def port_name(number: int) -> str:
    """The switch's end of the link to a host."""
    return f"host{number}"


def switch_inside(network: ipaddress.IPv4Network, home: str) -> str:
    """For `ip -batch` in the switch's new namespace; the other end lands in this machine's."""
    return f"""\
link add {HUB} type bridge
link set {HUB} up
link add {WIRE} type veth peer name {outer_name(network)} netns {home}
link set {WIRE} master {HUB} up
"""


def switch_outside(network: ipaddress.IPv4Network, ups: Iterable[str], alias: str) -> str:
    """For `ip -batch` in this machine's own namespace."""
    name = outer_name(network)
    own = f"{gate_address(network)}/{network.prefixlen}"
    lines = [f'link set {name} alias "{alias}"', f"address add {own} dev {name}"]
    lines += [f"address add {address}/32 dev {name}" for address in ups]
    return "\n".join([*lines, f"link set {name} up", ""])


def host_inside(address: str, prefix: int, port: str, switch: str) -> str:
    """For `ip -batch` in a host's new namespace. The same hardware address at each boot, so that
    nobody's neighbour table misleads."""
    hardware = ":".join(f"{octet:02x}" for octet in ipaddress.IPv4Address(address).packed)
    return f"""\
link set lo up
link add eth0 address 02:74:{hardware} type veth peer name {port} netns {switch}
address add {address}/{prefix} dev eth0
link set eth0 up
"""


def host_outside(port: str) -> str:
    """For `ip -batch` in the switch's namespace."""
    return f"link set {port} master {HUB} up\n"


def weather_rules(
    network: ipaddress.IPv4Network, back_door: int, weathers: Iterable[tuple[str, Weather]]
) -> str:
    """The switch's whole weather for `nft -f`, which replaces it in one stroke. `back_door`: the
    port at which the control plane looks at hosts.

    In the switch rather than in the hosts: what it drops is lost on the way, as in a network, and
    no sender is told. ARP passes, or a cut of one way would soon be one of both.
    """
    rules = [
        rule for port, weather in weathers for rule in _rules(network, back_door, port, weather)
    ]
    lines = [
        "add table bridge weather",
        "delete table bridge weather",
        "table bridge weather { chain forward {",
        "type filter hook forward priority 0; policy accept;",
        *rules,
        "}",
        "}",
        "",
    ]
    return "\n".join(lines)


def _rules(
    network: ipaddress.IPv4Network, back_door: int, port: str, weather: Weather
) -> Iterator[str]:
    ways = (
        (f'oifname "{port}"', "saddr", "dport", weather.cut_in),
        (f'iifname "{port}"', "daddr", "sport", weather.cut_out),
    )
    for interface, other, door, cut in ways:
        if cut >= _BOTH:
            yield f"{interface} meta protocol ip drop"
        elif "control" in cut:
            yield f"{interface} ip {other} {uplinks(network)} drop"
            yield f"{interface} tcp {door} {back_door} drop"
        elif cut:
            yield f"{interface} ip {other} != {uplinks(network)} tcp {door} != {back_door} drop"
        for parted in sorted(weather.parted):
            yield f"{interface} ip {other} {parted} drop"
        if lost := round(weather.loss * _PARTS):
            some = f"numgen random mod {_PARTS} < {lost} " if lost < _PARTS else ""
            yield f"{interface} meta protocol ip {some}drop"
