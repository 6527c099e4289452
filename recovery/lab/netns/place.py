"""The zygote's part: a network namespace for the host that is about to start."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TypedDict

from recovery.lab import linux
from recovery.lab.netns import rules
from recovery.lab.netns.commands import ip, nft, told


class Seat(TypedDict):
    """Where a host is plugged in."""

    address: str
    prefix: int
    port: str
    switch: str


def enter_network(seat: Seat) -> None:
    """Moves this process into a new namespace, plugged into the switch; its children follow.

    To be done before a new pid namespace is asked for: the commands are children too.
    """
    with contextlib.suppress(OSError):  # what is left of a former life of the host
        told("ip", "link", "delete", seat["port"], inside=seat["switch"])
    linux.unshare(linux.CLONE_NEWNET)
    # Sockets that outlive the host are retried once: they keep the namespace.
    Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")
    ip(rules.host_inside(seat["address"], seat["prefix"], seat["port"], seat["switch"]))
    nft(rules.GATE)
    ip(rules.host_outside(seat["port"]), inside=seat["switch"])
