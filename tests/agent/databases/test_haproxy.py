"""A real HAProxy in front of a pair: it finds the primary by the agents' health endpoints alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import free_port
from tests.agent.databases.conftest import TERMS, A, B, Pair, Writer, fail_over
from tests.needs import needs
from tests.support import own
from tests.support.waiting import until

ADDRESS = own.address("203.1")


@pytest.fixture
def balanced(up: Pair, tmp_path: Path) -> Iterator[Writer]:
    """A writer whose only door is HAProxy, configured as docs/operations.md says."""
    needs("haproxy")
    door = free_port()
    lines = [
        "defaults",
        "  mode tcp",
        "  timeout connect 1s",
        "  timeout client 30s",
        "  timeout server 30s",
        "listen shop",
        f"  bind {ADDRESS}:{door}",
        "  option httpchk GET /databases/shop/primary",
        "  default-server inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions",
    ]
    for replica, host in up.hosts.items():
        port = up.peer_ports[replica]
        lines.append(f"  server {replica} {host.address}:{up.port} check port {port}")
    settings = tmp_path / "haproxy.cfg"
    settings.write_text("\n".join([*lines, ""]))
    argv = ["setpriv", "--pdeathsig", "KILL", "--", "haproxy", "-db", "-f", str(settings)]
    with subprocess.Popen(argv) as balancer:
        yield Writer(ADDRESS, door)
        balancer.terminate()


async def test_haproxy_leads_writes_to_the_primary_and_follows_a_failover(
    up: Pair, balanced: Writer
) -> None:
    await _written(balanced, -1)
    assert -1 in await up.writer(A).numbers()
    balanced.start()
    await fail_over(up)
    await up.desire()
    promoted = len(balanced.acknowledged)
    await until(lambda: len(balanced.acknowledged) >= promoted + 10, 10 * TERMS.length)
    await balanced.stop()
    late = {number for _, number in balanced.acknowledged[promoted:]}
    assert late <= await up.writer(B).numbers()


async def _written(writer: Writer, number: int) -> None:
    """HAProxy has to look once before it leads anybody anywhere."""
    await until(lambda: writer.try_write(number))
