"""Mode `netns`: what only it has, what it needs, and that it leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recovery.adapters.containers import proc
from recovery.core import wire
from recovery.core.errors import BadConfiguration
from recovery.lab import layout, networks, processes
from recovery.lab.netns import ground, switch
from recovery.lab.settings import LabSettings, from_environment
from tests.lab.conftest import NETWORKS, RunningLab
from tests.needs import needs
from tests.support import own
from tests.support.waiting import until

LINK = f"tocsin{own.OCTET}"
in_netns = pytest.mark.parametrize("mode", ["netns"], indirect=True)


def links() -> set[str]:
    told = subprocess.run(["ip", "-json", "link"], capture_output=True, check=True)
    return {link["ifname"] for link in json.loads(told.stdout)}


def network_of(pid: int) -> str:
    """The network namespace that a process is in."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def chosen(folder: Path) -> str:
    """The network of a lab in this folder that wants the one of these tests."""
    settings = LabSettings(folder, layout.SHIPPED, NETWORKS["netns"], (), "netns")
    return networks.choose_network(layout.load(), settings)


@in_netns
async def test_a_host_is_alone_in_its_network_and_reaches_its_peers(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    found = {network_of(await lab.pid(host)) for host in lab.hosts}
    assert len(found | {network_of(os.getpid())}) == 4
    peer = await lab.pid("two-a")
    script = f"exec 3<>/dev/tcp/{lab.hosts['one-a'].address}/{container.port}"
    asked = await asyncio.create_subprocess_exec(
        "nsenter", f"--net=/proc/{peer}/ns/net", "timeout", "3", "bash", "-c", script
    )
    assert await asked.wait() == 0


@in_netns
async def test_a_slow_host_hears_its_orders_late(lab: RunningLab) -> None:
    container = await lab.place("one-a")
    await lab.ask("slow", host="one-a", delay_ms=300)
    asked = time.monotonic()
    stop = wire.Order(operation="late", epoch=1, verb="stop", container=container)
    await lab.gateway.send("one-a", stop)
    await lab.gateway.until(lambda: bool(lab.gateway.frames("one-a", wire.Outcome)))
    assert time.monotonic() - asked >= 0.6


@in_netns
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_daemon_leaves_no_link_and_no_process(
    lab: RunningLab, number: signal.Signals
) -> None:
    assert LINK in links()
    below = [pid for host in lab.hosts for pid in processes.tree(await lab.pid(host))]
    lab.daemon.send_signal(number)
    await asyncio.to_thread(lab.daemon.wait, 15)
    await until(lambda: not any((found := proc.stat(p)) and found.is_alive for p in below))
    await until(lambda: LINK not in links())


@in_netns
async def test_a_second_lab_in_the_same_network_is_refused(lab: RunningLab, tmp_path: Path) -> None:
    environment = os.environ | {
        "TOCSIN_VAR": str(tmp_path / "second"),
        "TOCSIN_LAB_MODE": "netns",
        "TOCSIN_LAB_NETWORK": NETWORKS["netns"],
        "TOCSIN_LAB_CONTROL": lab.gateway.url,
    }
    argv = [sys.executable, "-m", "recovery.lab.daemon"]
    second = await asyncio.to_thread(
        subprocess.run, argv, env=environment, capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert f"overlaps {NETWORKS['netns']}" in second.stderr
    assert LINK in links()
    assert chosen(tmp_path / "second") in ground.CANDIDATES
    assert chosen(tmp_path / "lab") == NETWORKS["netns"]


def test_without_root_the_sentence_names_the_other_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BadConfiguration, match=r"needs root.*relay"):
        switch.require()


def test_a_missing_command_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("root")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadConfiguration, match="apt-get install iproute2"):
        switch.require()


@pytest.mark.parametrize(
    ("mode", "network"),
    [("netns", "127.20.0.0/16"), ("relay", "10.77.0.0/16"), ("netns", "10.77.0.0/20")],
)
def test_a_network_of_the_other_mode_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, network: str
) -> None:
    monkeypatch.setenv("TOCSIN_VAR", str(tmp_path))
    monkeypatch.setenv("TOCSIN_LAB_MODE", mode)
    monkeypatch.setenv("TOCSIN_LAB_NETWORK", network)
    with pytest.raises(BadConfiguration, match="TOCSIN_LAB_NETWORK"):
        from_environment()
