"""One whole Tocsin with its lab for all stories, watched by the 10 Hz checker throughout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.needs import needs
from tests.support.cut import Wire, wire_to
from tests.support.mailbox import Mailbox, mail_server
from tests.support.own import free_port
from tests.support.seats import Checker, checking_seats
from tests.support.stack import Stack, lab_of_its_own, whole_stack

HERE = Path(__file__).parent
TEAM = "team@example.org"
MODES = ("netns", "relay")


@dataclass(frozen=True, slots=True)
class Town:
    """The stack, the wire between its controllers and its gateway, the team's mail."""

    stack: Stack
    wire: Wire
    mailbox: Mailbox
    checker: Checker


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The stories share one lab, so one worker tells them all; `.ci/run`, which tells them in both
    modes (`TOCSIN_STORIES_SHARED=1`), tells those that no mode changes once."""
    gone = [item for item in items if HERE in item.path.parents and not _is_told(item)]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("lab"))
            item.add_marker(pytest.mark.timeout(900 if _returns()[-1] > 60 else 300))


def _is_told(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("told_in")
    if mark is None or os.environ.get("TOCSIN_STORIES_SHARED") != "1":
        return True
    (mode,) = mark.args
    assert mode in MODES, f"{item.name} is told in no mode {mode}"
    return bool(mode == told_in())


def _returns() -> list[float]:
    """After how long a lost host comes back: `TOCSIN_STORY_RETURNS="5 60 600"`."""
    return [float(word) for word in os.environ.get("TOCSIN_STORY_RETURNS", "5 60").split()]


def told_in() -> str:
    """The lab's mode: as told by `TOCSIN_LAB_MODE`, otherwise namespaces where we are root, for an
    ordinary user tells the stories behind the relay."""
    if mode := os.environ.get("TOCSIN_LAB_MODE"):
        return mode
    if os.geteuid() != 0:
        return "relay"
    needs("ip", "nft", "network namespaces")
    return "netns"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "away" in metafunc.fixturenames:
        metafunc.parametrize("away", _returns(), ids="after {:.0f} s".format)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Everything of it, at rest."""
    folder = tmp_path_factory.mktemp("town") / "var"
    gateway, mail = free_port(), free_port()
    with mail_server(mail) as mailbox, wire_to(gateway) as wire:
        env = {
            "TOCSIN_GATEWAY_PORT": str(gateway),
            "TOCSIN_GATEWAYS": f"127.0.0.1:{wire.port}",
            "TOCSIN_LAB_CONTROL": f"ws://127.0.0.1:{gateway}/agent",
            "TOCSIN_MAIL_HOST": "127.0.0.1",
            "TOCSIN_MAIL_PORT": str(mail),
        }
        with whole_stack(folder, **env, **lab_of_its_own(told_in())) as stack:
            stack.manage("channel", "the team", "mail", TEAM)
            with checking_seats(stack.database, stack.inner) as checker:
                yield Town(stack, wire, mailbox, checker)


@pytest.fixture(autouse=True)
def checked(town: Town) -> Iterator[None]:
    """A story begins at rest; through all of it no host has two seats of one application."""
    town.stack.calm()
    looks = town.checker.looks
    yield
    assert town.checker.found == []
    assert town.checker.looks > looks
    assert town.checker.most >= 20


@pytest.fixture
def stack(town: Town) -> Stack:
    return town.stack
