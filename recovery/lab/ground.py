"""What the lab's hosts stand on: loopback with a relay, or network namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from recovery.lab.layout import LabHost, Layout
from recovery.lab.net.hostnet import HostNet
from recovery.lab.net.relay import RelayGround
from recovery.lab.netns.ground import NamespaceGround
from recovery.lab.settings import LabSettings


class Ground(Protocol):
    """Each mode's part; nothing else of the lab knows in which one it runs."""

    network: str

    def open(self, hosts: list[LabHost]) -> None:
        """Makes it, or says why not (`BadConfiguration`)."""

    def net(self, host: LabHost) -> HostNet:
        """A host's network, for as long as the lab runs."""

    def seat(self, host: LabHost) -> Mapping[str, object] | None:
        """What the zygote needs to plug it in."""

    async def watch(self, ended: asyncio.Event) -> None:
        """What is to be done all the time, until the zygote has ended."""

    def close(self) -> None:
        """Leaves nothing."""


def ground_of(settings: LabSettings, layout: Layout) -> Ground:
    """The one that the settings ask for."""
    if settings.mode == "netns":
        return NamespaceGround(settings.network, layout.probe_port, settings.folder)
    network = settings.network or layout.network
    return RelayGround(network, layout.probe_port, len(settings.control))
