"""The switch between the lab's hosts and this machine: a namespace with a bridge in it.

Invariant: nobody but the daemon holds it, by a descriptor. However the daemon ends, the bridge
and this machine's link to it are gone with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from recovery.core.errors import BadConfiguration
from recovery.lab import linux
from recovery.lab.netns import rules
from recovery.lab.netns.commands import ip, nft, told
from recovery.lab.netns.life import LIBRARY, Life

_OURS = "/proc/thread-self/ns/net"


class Switch:
    """One lab's."""

    def __init__(self, network: ipaddress.IPv4Network, folder: Path) -> None:
        self._network, self._alias = network, _alias(folder)
        self._name = rules.outer_name(network)
        self._held = -1

    @property
    def path(self) -> str:
        """Stands for its namespace, in any process of this machine's root."""
        return _path(self._held)

    def open(self, ups: Iterable[str]) -> None:
        """The bridge, the link, this machine's addresses on it."""
        require()
        self._remove_leftover()
        _refuse_overlap(self._network)
        try:
            self._make(ups)
        except OSError as error:
            self.close()
            raise BadConfiguration(
                f"the lab's network cannot be made: {error.strerror or error}.",
                field="TOCSIN_LAB_MODE",
                todo="Or use TOCSIN_LAB_MODE=relay.",
            ) from error

    def _make(self, ups: Iterable[str]) -> None:
        home = os.open(_OURS, os.O_RDONLY)
        try:
            _unshare()
            self._held = os.open(_OURS, os.O_RDONLY)
            Life().let_go()
            ip(rules.switch_inside(self._network, _path(home)))
        finally:
            linux.enter_namespace(home, linux.CLONE_NEWNET)
            os.close(home)
        ip(rules.switch_outside(self._network, ups, self._alias))

    def close(self) -> None:
        """This machine's end at once, the rest with it."""
        if self._held >= 0:
            with contextlib.suppress(OSError):
                told("ip", "link", "delete", self._name)
            os.close(self._held)
            self._held = -1

    def set_weather(self, text: str) -> None:
        nft(text, inside=self.path)

    def _remove_leftover(self) -> None:
        """A lab of this folder that was killed a moment ago may not be gone entirely."""
        if _owner(self._name) == self._alias:
            told("ip", "link", "delete", self._name)


def _alias(folder: Path) -> str:
    """Says whose a link is."""
    return f"tocsin lab {folder}"[:250]


def _owner(name: str) -> str:
    """The alias of a link of this machine, or nothing."""
    links = json.loads(told("ip", "-json", "link", "show"))
    return next((str(link.get("ifalias", "")) for link in links if link.get("ifname") == name), "")


def _path(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def require() -> None:
    """What the mode needs from this machine, or a sentence."""
    relay = "Or use TOCSIN_LAB_MODE=relay, which needs none of this."
    if os.geteuid() != 0:
        raise BadConfiguration(
            "netns needs root: hosts get network namespaces of this machine.",
            field="TOCSIN_LAB_MODE",
            todo=f"Start as root. {relay}",
        )
    for tool, package in (("ip", "iproute2"), ("nft", "nftables"), ("nsenter", "util-linux")):
        if shutil.which(tool) is None:
            raise BadConfiguration(
                f"netns needs the command {tool}, which is not here.",
                field="TOCSIN_LAB_MODE",
                todo=f"apt-get install {package}. {relay}",
            )
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise BadConfiguration(
            f"netns needs {LIBRARY}, which is not here.",
            field="TOCSIN_LAB_MODE",
            todo=f"apt-get install libnftables1. {relay}",
        ) from error


def is_free(network: ipaddress.IPv4Network, folder: Path) -> bool:
    """Whether this machine has no route into it, or only what this folder's lab has."""
    ours = _owner(rules.outer_name(network)) == _alias(folder)
    return ours or not _overlaps(network)


def _unshare() -> None:
    try:
        linux.unshare(linux.CLONE_NEWNET)
    except OSError as error:
        raise BadConfiguration(
            f"this machine does not let us make network namespaces ({error.strerror}).",
            field="TOCSIN_LAB_MODE",
            todo="Run outside a container, or use TOCSIN_LAB_MODE=relay.",
        ) from error


def _refuse_overlap(network: ipaddress.IPv4Network) -> None:
    if found := _overlaps(network):
        raise BadConfiguration(
            f"this machine has a way to {found} already, which overlaps {network}.",
            field="TOCSIN_LAB_NETWORK",
            todo="Another lab runs there? Stop it or name a free private /16.",
        )


def _overlaps(network: ipaddress.IPv4Network) -> str:
    """The first route into it."""
    for route in json.loads(told("ip", "-json", "-4", "route", "show", "table", "all")):
        with contextlib.suppress(ValueError):
            if ipaddress.IPv4Network(route["dst"]).overlaps(network):
                return str(route["dst"])
    return ""
