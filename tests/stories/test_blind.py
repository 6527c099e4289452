"""When the fault is ours, Tocsin says that it is blind, and does nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.stories.conftest import Town
from tests.stories.telling import acts, what_runs
from tests.support.running import wait_for
from tests.support.stack import Stack

BLIND = "control:blind"


def stop_the_gateway(town: Town) -> Callable[[], object]:
    pid = town.stack.kill("gateway", signal.SIGSTOP)
    return lambda: town.stack.kill("gateway", signal.SIGCONT) == pid


def kill_the_gateway(town: Town) -> Callable[[], object]:
    """Whenever it is back: after one kill it listens again within 1.2 s, which rings nobody."""
    enough = threading.Event()

    def kill_again() -> None:
        while not enough.wait(0.2):
            with suppress(AssertionError, ProcessLookupError):  # it is on its way back
                town.stack.kill("gateway")

    killing = threading.Thread(target=kill_again, name="kills the gateway")
    killing.start()

    def mend() -> None:
        enough.set()
        killing.join()

    return mend


def stop_all_heartbeats(town: Town) -> Callable[[], object]:
    hosts = list(town.stack.lab_hosts())
    for host in hosts:
        town.stack.lab("isolate", host=host)
    return lambda: [town.stack.lab("heal", host=host) for host in hosts]


def cut_the_controllers_off(town: Town) -> Callable[[], object]:
    town.wire.cut()
    return town.wire.mend


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(stop_the_gateway, marks=pytest.mark.told_in("relay")),
        pytest.param(kill_the_gateway, marks=pytest.mark.told_in("netns")),
        stop_all_heartbeats,
        pytest.param(cut_the_controllers_off, marks=pytest.mark.told_in("relay")),
    ],
)
def test_without_eyes_it_rings_that_it_is_blind_and_does_nothing(
    town: Town, harm: Callable[[Town], Callable[[], object]]
) -> None:
    stack = town.stack
    before, running = acts(stack), what_runs(stack)
    rung = _times_rung(stack)
    mend = harm(town)
    try:
        wait_for(lambda: _times_rung(stack) > rung)
    finally:
        mend()
    # it has to see for half a minute before it says so
    wait_for(lambda: {state for key, state in stack.alarms() if key == BLIND} == {"ended"}, 60)
    wait_for(stack.is_calm, 60)
    assert (acts(stack), what_runs(stack)) == (before, running)


def _times_rung(stack: Stack) -> int:
    return sum(key == BLIND for key, _ in stack.alarms())
