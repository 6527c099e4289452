"""Forged, replayed and foreign datagrams change nothing but a counter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recovery.core import wire
from recovery.gateway.liveness import Liveness

HOST, OTHER = b"h" * 16, b"o" * 16
KEY, WRONG = b"k" * 32, b"w" * 32


def liveness() -> Liveness:
    found = Liveness()
    found.know([(HOST, KEY), (OTHER, WRONG)])
    return found


def beat(sequence: int, *, boot: bytes = b"b" * 16, key: bytes = KEY) -> bytes:
    return wire.pack_heartbeat(wire.Heartbeat(HOST, boot, sequence, 1000), key)


def test_a_heartbeat_is_heard_at_the_instant_of_its_arrival() -> None:
    seen = liveness()
    assert seen.accept(beat(1), now=5.0)
    assert seen.heard.tolist() == [5.0, float("-inf")]


def test_a_replayed_or_late_heartbeat_is_refused_and_counted() -> None:
    seen = liveness()
    seen.accept(beat(7), now=1.0)
    assert not seen.accept(beat(7), now=2.0)
    assert not seen.accept(beat(6), now=3.0)
    assert seen.heard[0] == 1.0
    assert seen.counters["refused_sequence"] == 2


def test_a_new_boot_starts_over_and_the_old_one_never_comes_back() -> None:
    seen = liveness()
    seen.accept(beat(900), now=1.0)
    assert seen.accept(beat(1, boot=b"n" * 16), now=2.0)
    assert not seen.accept(beat(901), now=3.0)
    assert seen.heard[0] == 2.0
    assert seen.counters["refused_boot"] == 1


def test_another_hosts_key_does_not_speak_for_this_host() -> None:
    seen = liveness()
    assert not seen.accept(beat(1, key=WRONG), now=1.0)
    assert seen.counters["refused_mac"] == 1


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    seen = liveness()
    assert not seen.accept(noise, now=1.0)
    assert sum(seen.counters.values()) == 1


@given(st.integers(0, wire.HEARTBEAT_BYTES - 1), st.integers(1, 255))
def test_one_changed_bit_anywhere_is_refused(at: int, flip: int) -> None:
    datagram = bytearray(beat(1))
    datagram[at] ^= flip
    seen = liveness()
    assert not seen.accept(bytes(datagram), now=1.0)
    assert seen.heard[0] == float("-inf")
