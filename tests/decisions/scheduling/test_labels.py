"""The shipped lab loses a datacenter: do those find a host that need what few hosts have?"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from recovery.lab.layout import Layout, load
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import ApplicationFact, HostFact, Snapshot
from recovery.scheduling.queries import labels_of
from recovery.scheduling.what_if import what_if
from tests.decisions.scheduling.build import NOW, app, carry_out, host, world

ORDERS = 60


@pytest.fixture(scope="module")
def lab() -> Layout:
    return load()


def hosts_of(lab: Layout) -> list[HostFact]:
    return [
        host(
            one.name,
            site.name,
            rack.name,
            capacity=(one.cpu_millis, one.memory_mib),
            labels=labels_of(dict(one.labels)),
        )
        for site in lab.datacenters
        for rack in site.racks
        for one in rack.hosts
    ]


def applications_of(lab: Layout) -> list[ApplicationFact]:
    return [
        app(
            one.name,
            one.containers,
            (one.cpu_millis, one.memory_mib),
            one.priority,
            labels=labels_of(dict(one.labels)),
        )
        for one in lab.applications
    ]


def filled(given: Snapshot, orderly: list[ApplicationFact]) -> Snapshot:
    """Each application placed as it came."""
    now = replace(given, applications=())
    for one in orderly:
        now = replace(now, applications=(*now.applications, one))
        now = carry_out(now, decide(now, NOW))
    return now


def without_host(given: Snapshot) -> list[str]:
    """Datacenters of which the loss leaves something without a host."""
    sites = sorted({one.datacenter for one in given.hosts})
    return [
        site
        for site in sites
        if what_if(given, [h.id for h in given.hosts if h.datacenter == site], NOW).unplaced
    ]


def test_what_needs_a_label_finds_a_host_after_nearly_every_history(lab: Layout) -> None:
    chance = random.Random(3)
    applications = applications_of(lab)
    asked = frozenset[str]().union(*(one.labels for one in applications))
    assert asked
    hurt = {frozenset[str](): 0, asked: 0}
    for _ in range(ORDERS):
        orderly = chance.sample(applications, len(applications))
        for kept in hurt:
            given = replace(world(hosts_of(lab), ()), asked=kept)
            hurt[kept] += bool(without_host(filled(given, orderly)))
    assert hurt[frozenset()] >= ORDERS // 10, "by load alone, it is a common fault"
    assert hurt[asked] <= ORDERS // 30, hurt


def test_as_it_is_shipped_each_of_its_datacenters_may_be_lost(lab: Layout) -> None:
    applications = applications_of(lab)
    asked = frozenset[str]().union(*(one.labels for one in applications))
    given = replace(world(hosts_of(lab), applications), asked=asked)
    assert without_host(carry_out(given, decide(given, NOW))) == []
