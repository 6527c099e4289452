"""The lab's file: what is shipped holds together, what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.lab import layout
from tests.lab.conftest import FILE

STORIES = [
    "browser/two_people.yaml",
    "drp_story/lab.yaml",
    "failovers/restores.yaml",
]
"""Labs of stories that no run tells: what is wrong with one is found here, not after minutes."""


def test_the_shipped_lab_fits_even_after_three_lost_hosts() -> None:
    shipped = layout.load()
    hosts = list(shipped.hosts())
    assert len(shipped.datacenters) == 3
    assert len(hosts) >= 12
    assert len({host.address for host in hosts} | {host.inner for host in hosts}) == 2 * len(hosts)
    wanted = sum(app.containers * app.cpu_millis for app in shipped.applications)
    racks = [rack for datacenter in shipped.datacenters for rack in datacenter.racks]
    there = sorted(host.cpu_millis for rack in racks for host in rack.hosts)
    assert wanted <= sum(there[:-3])
    assert {app.containers for app in shipped.applications} >= {1, 2, 3, 4}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_has_a_lab_that_can_be_read(story: str) -> None:
    assert layout.load(Path(__file__).parents[1] / story).databases


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("probe_port: 21890", "probe_port: many", r"lab\.yaml:3:1: probe_port"),
        ("cpu_millis: 1000", "cpu_millis: -1", r":13:\d+: datacenters\.0\.racks\.0\.hosts\.0\.cpu"),
        ("priority: 50", "priority: 101", r":25:\d+: applications\.0\.priority"),
        ("priority: 50", "priority: 50, colour: red", r"applications\.0\.colour"),
        ("name: one-b", "name: one-a", "hosts named twice: one-a"),
        ("127.29.0.0/16", "10.0.0.0/16", "127.N.0.0/16"),
        ("127.29.0.0/16", "127.200.0.0/16", "127.N.0.0/16"),
        ("priority: 50", "priority: 50, kind: singleton", "exactly one container"),
        ("latitude: 48.9", "latitude: 91", r"latitude"),
        ("    racks:", "   racks:", r"lab\.yaml:\d+:\d+"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_field(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in FILE
    (tmp_path / "lab.yaml").write_text(FILE.replace(old, new, 1))
    with pytest.raises(BadConfiguration, match=said):
        layout.load(tmp_path / "lab.yaml")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot be read"):
        layout.load(tmp_path / "none.yaml")
