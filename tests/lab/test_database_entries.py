"""The lab's databases: what could not keep its promise is refused with line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.lab import layout

FILE = """
network: 127.29.0.0/16
probe_port: 21890
datacenters:
  - name: ONE
    place: Here
    region: Near
    latitude: 48.9
    longitude: 2.3
    racks:
      - name: ONE-A
        hosts:
          - {name: one-a, cpu_millis: 1000, memory_mib: 1024}
          - {name: one-b, cpu_millis: 1000, memory_mib: 1024}
      - name: ONE-B
        hosts:
          - {name: one-c, cpu_millis: 1000, memory_mib: 1024}
  - name: TWO
    place: There
    region: Far
    latitude: 43.3
    longitude: 5.3
    racks:
      - name: TWO-A
        hosts:
          - {name: two-a, cpu_millis: 1000, memory_mib: 1024}
databases:
  - name: orders
    engine: postgresql
    version: "18"
    plan: business
    durability: synchronous
    members: [one-a, one-c, two-a]
    port: 15001
  - name: baskets
    engine: valkey
    version: "9"
    plan: business
    profile: fast
    accept_unproven_renewal_gaps: A test.
    members: [one-c, one-b]
    port: 15002
  - name: menus
    engine: postgresql
    version: "18"
    plan: starter
    members: [two-a]
    port: 15003
"""


def _load(folder: Path, text: str) -> layout.Layout:
    (folder / "lab.yaml").write_text(text)
    return layout.load(folder / "lab.yaml")


def test_a_whole_file_has_its_databases(tmp_path: Path) -> None:
    assert [d.name for d in _load(tmp_path, FILE).databases] == ["orders", "baskets", "menus"]


def test_a_lab_without_databases_is_a_lab(tmp_path: Path) -> None:
    assert _load(tmp_path, FILE.split("databases:", maxsplit=1)[0]).databases == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("one-a, one-c, two-a", "one-a, one-z", r":33:\d+: databases\.0\.members\.1: there is no"),
        ("one-a, one-c, two-a", "one-a, one-a", r"databases\.0\.members\.1: one-a is named twice"),
        ("one-a, one-c, two-a", "one-a, one-b", r"members: one-a and one-b stand in one rack"),
        ("one-a, one-c, two-a", "one-a, two-a", r"members: .* second member in ONE"),
        ("one-a, one-c, two-a", "one-a", r"members: .* second member in ONE"),
        ("one-a, one-c, two-a", "", r"databases\.0\.members"),
        ("[two-a]\n", "[two-a, one-a]\n", r"databases\.2\.members\.1: .* exactly one"),
        ("plan: starter", "plan: starter\n    profile: fast", r":47:5: databases\.2\.profile"),
        ("plan: starter", "plan: gold", r"databases\.2\.plan"),
        ("    accept_unproven_renewal_gaps: A test.\n", "", r"databases\.1\.profile: .* 7 days"),
        ('"9"', '"9"\n    durability: synchronous', r"databases\.1\.durability: valkey acknow"),
        ('version: "18"', 'version: "9.6"', r"databases\.0\.version: postgresql '9.6' is not"),
        ('version: "18"', "version: 18", r"databases\.0\.version: .*string"),
        ("engine: valkey", "engine: oracle", r"databases\.1\.engine"),
        ("name: menus", "name: orders", "databases named twice: orders"),
        ("port: 15001", "port: 80", r"databases\.0\.port"),
        ("port: 15003", "port: 15001", r"databases\.2\.port: orders listens at 15001 on two-a"),
        ("name: menus", "name: menus\n    settings: {Shared: 1}", r"databases\.2\.settings"),
    ],
)
def test_a_database_that_cannot_keep_its_promise_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in FILE
    with pytest.raises(BadConfiguration, match=said):
        _load(tmp_path, FILE.replace(old, new, 1))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    wrong = FILE.replace("plan: starter", "plan: starter\n    profile: fast").replace(
        "one-a, one-c, two-a", "one-a, one-z"
    )
    with pytest.raises(BadConfiguration) as refused:
        _load(tmp_path, wrong)
    assert len(str(refused.value).splitlines()) == 2


def test_the_shipped_databases_are_small_and_of_every_kind() -> None:
    databases = layout.load().databases
    assert {(d.engine, d.plan, d.durability) for d in databases} == {
        ("postgresql", "business", "synchronous"),
        ("postgresql", "business", "asynchronous"),
        ("valkey", "business", "asynchronous"),
        ("postgresql", "starter", "asynchronous"),
    }
    assert {d.profile for d in databases} == {"standard", "fast"}
    assert all(d.settings for d in databases)
