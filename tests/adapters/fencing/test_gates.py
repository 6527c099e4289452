"""The contract of a gate: open until the deadline and not longer, whoever sleeps or dies."""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import time
from collections.abc import Callable

import pytest

from recovery.core.wire import receipt_bytes
from tests.adapters.fencing.conftest import Seat, answers
from tests.adapters.fencing.host import REPLICA
from tests.support.clocks.steady import steady

ADDRESSES = ("127.0.0.1", "::1")
SLACK = {"nftables": 0.15, "watchdog": 0.6}
"""Seconds that a loaded machine may take to see an end that came in time; a watchdog has to be
scheduled before it can end anything, which makes it the weaker form (docs/decisions)."""


def last_answer(clients: list[socket.socket], seat: Seat, seconds: float) -> float:
    """When the last line of an established or new client came back (monotonic)."""
    last = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for client in clients:
            last = time.monotonic() if answers(client, 0.05) else last
        for address in ADDRESSES:
            last = time.monotonic() if seat.reaches(address, 0.05) else last
    return last


def test_it_is_closed_before_any_lease(seat: Seat) -> None:
    answer = seat.told("start", 1)
    assert ("refusal" in answer) == (seat.kind == "watchdog")
    assert not any(seat.reaches(address) for address in ADDRESSES)
    assert seat.do("left") == 0.0


def test_it_is_open_until_the_deadline_and_not_longer(running: Seat) -> None:
    clients = [running.connect(address) for address in ADDRESSES]
    began = time.monotonic()
    running.do("extend", 1, 2.0)
    last = last_answer(clients, running, 3.0)
    assert 1.5 < last - began < 2.0 + SLACK[running.kind]
    assert not any(answers(client) for client in clients)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_it_closes_in_time_whatever_befalls_the_agent(running: Seat, how: signal.Signals) -> None:
    clients = [running.connect(address) for address in ADDRESSES]
    began = time.monotonic()
    running.do("extend", 1, 1.5)
    running.signal_agent(how)
    last = last_answer(clients, running, 2.5)
    assert 0 < last - began < 1.5 + SLACK[running.kind]


def test_a_stopped_server_that_wakes_after_the_deadline_answers_nobody(running: Seat) -> None:
    client = running.connect()
    server = running.do("server")
    assert isinstance(server, int)
    os.kill(server, signal.SIGSTOP)
    time.sleep(1.8)
    try:
        os.kill(server, signal.SIGCONT)
    except ProcessLookupError:
        assert running.kind == "watchdog"
    assert not answers(client)
    assert not any(running.reaches(address) for address in ADDRESSES)


def test_renewals_keep_it_open_without_a_gap(running: Seat) -> None:
    client = running.connect()
    longest, last, until = 0.0, steady.monotonic(), steady.monotonic() + 3.0
    while steady.monotonic() < until:
        running.do("extend", 1, 0.8)
        assert answers(client, 0.5)
        longest, last = max(longest, steady.monotonic() - last), steady.monotonic()
    assert longest < 0.3


def test_a_restarted_agent_finds_the_gate_as_it_is_and_renews_it(running: Seat) -> None:
    client = running.connect()
    running.do("extend", 1, 4.0)
    running.lose_agent()
    assert answers(client)
    running.boot_agent()
    running.do("guard")
    left = running.do("left")
    assert isinstance(left, float)
    assert 0.5 < left < 4.0
    assert answers(client)
    running.do("extend", 1, 5.0)
    assert answers(client)


def test_in_doubt_it_is_closed_until_the_next_lease(running: Seat) -> None:
    client = running.connect()
    running.do("extend", 1, 5.0)
    running.do("close")
    assert running.do("left") == 0.0
    assert not answers(client)
    assert not any(running.reaches(address) for address in ADDRESSES)
    running.do("extend", 1, 5.0)
    assert answers(client, 1.5)


def test_whoever_is_let_in_at_that_moment_is_not_answered(running: Seat) -> None:
    """It forks for each while it is being closed: a child is born after its parent's stop."""
    for _ in range(12):
        running.do("extend", 1, 5.0)
        clients = [running.connect() for _ in range(8)]
        running.do("close")
        for client in clients:
            client.send(b"?\n")
        answered, _, _ = select.select(clients, [], [], 0.1)
        assert not answered
        while running.clients:
            running.clients.pop().close()


def reopened(seat: Seat, epoch: int) -> bool:
    """Whether a lease of this epoch gets through to a client again."""
    told = seat.told("extend", epoch, 3.0)
    seat.told("start", epoch)
    until = time.monotonic() + 1.0
    while "refusal" not in told and time.monotonic() < until:
        if seat.reaches():
            return True
    return False


def _same_agent(seat: Seat) -> None:
    """Nothing happens in between."""


def _new_agent(seat: Seat) -> None:
    seat.lose_agent()
    seat.boot_agent()
    seat.do("guard")


def _new_boot(seat: Seat) -> None:
    """The watchdog is gone too, as after a power cut."""
    watchdog = seat.do("watchdog")
    assert isinstance(watchdog, int)
    os.kill(watchdog, signal.SIGKILL)
    _new_agent(seat)


@pytest.mark.parametrize("between", [_same_agent, _new_agent, _new_boot])
def test_a_fence_has_a_receipt_and_stays_closed_below_a_higher_epoch(
    running: Seat, between: Callable[[Seat], None]
) -> None:
    client = running.connect()
    running.do("extend", 3, 5.0)
    receipt = running.do("fence", 3)
    assert not answers(client)
    assert isinstance(receipt, str)
    public = running.key.public_key()
    public.verify(base64.b64decode(receipt), receipt_bytes("op", REPLICA, 3))
    between(running)
    assert not reopened(running, 3)
    assert not reopened(running, 2)
    assert reopened(running, 4)


def test_a_server_dies_with_its_watchdog(running: Seat) -> None:
    watchdog = running.do("watchdog")
    assert isinstance(watchdog, int)
    os.kill(watchdog, signal.SIGKILL)
    until = time.monotonic() + 2.0
    while running.reaches() and time.monotonic() < until:
        pass
    assert not running.reaches()


def test_a_lease_that_is_over_or_of_a_lower_epoch_opens_nothing(running: Seat) -> None:
    running.do("extend", 5, 5.0)
    assert "refusal" in running.told("extend", 4, 9.0)
    assert "refusal" in running.told("extend", 5, -0.1)


def test_what_is_released_is_open_without_a_lease(running: Seat) -> None:
    running.do("release")
    time.sleep(1.8)
    assert all(running.reaches(address, 1.0) for address in ADDRESSES)


def test_what_ran_without_a_lease_is_bound_to_one_without_a_gap(running: Seat) -> None:
    running.do("release")
    client = running.connect()
    running.do("arm", 1, 1.5)
    assert answers(client)
    began = time.monotonic()
    last = last_answer([client], running, 2.5)
    assert 1.0 < last - began < 1.5 + SLACK[running.kind]
    running.told("arm", 1, 5.0)
    assert not running.reaches()


@pytest.mark.parametrize("seat", ["nftables"], indirect=True)
def test_a_peer_passes_the_kernels_gate_and_others_on_its_port_do_not(seat: Seat) -> None:
    """The weaker form has nothing to tell here: it stops the server itself, for peers too."""
    seat.do("start", 1)
    seat.do("guard", "127.0.0.1")
    until = time.monotonic() + 2.0
    while not seat.reaches("127.0.0.1") and time.monotonic() < until:
        pass
    assert seat.reaches("127.0.0.1")
    assert not seat.reaches("::1")
    seat.do("guard")
    assert not seat.reaches("127.0.0.1")
