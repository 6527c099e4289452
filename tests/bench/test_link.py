"""The link between a benchmark and its store: what it is told, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.lab.netns.commands import told
from tests.bench.link import Link, parsed, shaped
from tests.needs import needs
from tests.support.waiting import until

HOLDS_ONE = """
import subprocess, sys
from tests.bench.link import Link
link = Link(1)
link.open()
dies = ["setpriv", "--pdeathsig", "KILL"]
subprocess.Popen([*dies, *link.prefix, "sleep", "60"], stdout=subprocess.DEVNULL)
print(link.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def network() -> None:
    needs("root", "ip", "tbf", "network namespaces")


def is_there(name: str) -> bool:
    return name in {each["ifname"] for each in json.loads(told("ip", "-json", "link"))}


def rates(words: str) -> dict[str, int]:
    """Of each device that is shaped: bytes a second."""
    found = [each for each in json.loads(words) if each["kind"] == "tbf"]
    return {each["dev"]: each["options"]["rate"] for each in found}


def test_a_link_has_a_rate_in_gigabits_or_none_was_asked_for() -> None:
    assert (parsed("2.5"), parsed("10"), parsed("")) == (2.5, 10.0, 0.0)


@pytest.mark.parametrize("word", ["fast", "-1", "nan", "inf"])
def test_a_rate_that_is_none_is_refused_with_a_sentence(word: str) -> None:
    with pytest.raises(BadConfiguration, match=r"LINK: .* is no number of Gbit/s, such as 2\.5\."):
        parsed(word)


def test_a_slow_link_still_lets_a_whole_segment_of_the_kernel_pass() -> None:
    assert "tbf rate 2500000000bit burst 1250000b" in " ".join(shaped("eth0", 2_500_000_000))
    assert "burst 262144b" in " ".join(shaped("eth0", 1_000_000))


def test_without_tc_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needs("root", "ip")
    (tmp_path / "ip").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadConfiguration, match=r"^LINK: .* tc: apt-get install iproute2\.$"):
        Link(1).open()


@pytest.mark.usefixtures("network")
def test_both_ends_are_shaped_and_a_leftover_gives_way_and_nothing_stays() -> None:
    link = Link(0.1)
    told("ip", "link", "add", "name", link.name, "type", "veth")
    link.open()
    try:
        show = ["tc", "-json", "qdisc", "show"]
        assert rates(told(*show))[link.name] == 12_500_000
        inside = subprocess.run([*link.prefix, *show], capture_output=True, check=True)
        assert rates(inside.stdout.decode()) == {"eth0": 12_500_000}
        assert "0.1 Gbit/s" in link.check()
    finally:
        link.close()
    assert not is_there(link.name)


@pytest.mark.usefixtures("network")
async def test_whoever_holds_a_link_may_be_killed_and_nothing_stays() -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDS_ONE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    name = (await holder.stdout.readline()).decode().strip()
    assert is_there(name)
    holder.kill()
    await holder.wait()
    await until(lambda: not is_there(name))
