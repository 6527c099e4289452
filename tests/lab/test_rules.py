"""What the kernel is told about a host's weather, in mode `netns`; and who has which address."""

from __future__ import annotations

import ipaddress

import pytest

from recovery.lab import addresses
from recovery.lab.netns import rules
from recovery.lab.weather import FAIR, Scope, Weather

NETWORK = ipaddress.IPv4Network("10.77.0.0/16")
CONTROL: frozenset[Scope] = frozenset({"control"})
ALL: frozenset[Scope] = frozenset({"control", "public"})


def said(weather: Weather) -> list[str]:
    text = rules.weather_rules(NETWORK, 7801, [("host1", FAIR), ("host2", weather)])
    return [line for line in text.splitlines() if "name" in line]


def test_fair_weather_needs_no_rule() -> None:
    assert said(FAIR) == []


@pytest.mark.parametrize(
    ("weather", "expected"),
    [
        (Weather(cut_in=ALL), ['oifname "host2" meta protocol ip drop']),
        (Weather(cut_out=ALL), ['iifname "host2" meta protocol ip drop']),
        (
            Weather(cut_in=CONTROL),
            [
                'oifname "host2" ip saddr 10.77.128.0/17 drop',
                'oifname "host2" tcp dport 7801 drop',
            ],
        ),
        (
            Weather(cut_out=CONTROL),
            [
                'iifname "host2" ip daddr 10.77.128.0/17 drop',
                'iifname "host2" tcp sport 7801 drop',
            ],
        ),
        (
            Weather(parted=frozenset({"10.77.1.4", "10.77.1.3"})),
            [
                'oifname "host2" ip saddr 10.77.1.3 drop',
                'oifname "host2" ip saddr 10.77.1.4 drop',
                'iifname "host2" ip daddr 10.77.1.3 drop',
                'iifname "host2" ip daddr 10.77.1.4 drop',
            ],
        ),
        (
            Weather(loss=0.05),
            [
                f'{way} "host2" meta protocol ip numgen random mod 10000 < 500 drop'
                for way in ("oifname", "iifname")
            ],
        ),
        (
            Weather(loss=1.0),
            [f'{way} "host2" meta protocol ip drop' for way in ("oifname", "iifname")],
        ),
    ],
)
def test_each_weather_is_dropped_on_its_way(weather: Weather, expected: list[str]) -> None:
    assert said(weather) == expected


def test_on_loopback_a_host_listens_64_networks_above_its_address() -> None:
    network = addresses.network_of("127.20.0.0/16")
    assert addresses.addresses_of(network, 2, 3) == ("127.20.2.3", "127.84.2.3", "127.84.2.3")


def test_in_a_network_of_its_own_a_host_has_one_address_and_an_uplink() -> None:
    found = addresses.addresses_of(NETWORK, 2, 3)
    assert found == ("10.77.2.3", "10.77.2.3", "10.77.130.3")
    assert ipaddress.IPv4Address(found.uplink) in addresses.uplinks(NETWORK)
    assert ipaddress.IPv4Address(found.address) not in addresses.uplinks(NETWORK)


@pytest.mark.parametrize("text", ["10.77.0.0/24", "8.8.0.0/16", "127.200.0.0/16", "somewhere"])
def test_a_wrong_network_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ValueError, match="network"):
        addresses.network_of(text)
