"""An age only grows between two digests; a silent gateway never makes a host silent."""

from __future__ import annotations

import numpy as np
import pytest

from recovery.controller.eyes import Eyes
from recovery.controller.sighted import sights_of
from recovery.gateway.digest import Digest, Seen, digest_decoder, encoder, pack_ages

A, B = bytes(15) + b"a", bytes(15) + b"b"


def digest(
    heard: list[float], *, hosts: tuple[bytes, ...] | None = (A, B), seen: tuple[Seen, ...] = ()
) -> Digest:
    """As it comes off the wire, told at instant 100 of the gateway's clock."""
    told = Digest(
        gateway="g",
        sequence=1,
        running_ms=60_000,
        gap_ms=200,
        ages=pack_ages(np.array(heard), 100.0),
        sessions=b"\x01" * len(heard),
        hosts=hosts,
        boots=((0, b"boot-of-a-------"),) if hosts else (),
        seen=seen,
    )
    return digest_decoder.decode(encoder.encode(told))


def test_ages_grow_by_the_time_since_the_digest() -> None:
    eyes = Eyes(["g"])
    eyes.take("g", digest([99.0, 97.5]), now=500.0)
    sight = eyes.look(500.4)
    assert dict(zip(sight.hosts, sight.ages.tolist(), strict=True)) == pytest.approx(
        {A.hex(): 1.4, B.hex(): 2.9}
    )
    assert sight.gateways[0].digest_age == pytest.approx(0.4)


def test_a_host_that_was_never_heard_has_no_age() -> None:
    eyes = Eyes(["g"])
    eyes.take("g", digest([99.0, float("-inf")]), now=500.0)
    assert np.isnan(sights_of(eyes.look(500.0), 500.0).ages).tolist() == [False, True]


def test_of_two_gateways_the_younger_word_counts() -> None:
    eyes = Eyes(["g1", "g2"])
    eyes.take("g1", digest([90.0, 99.0]), now=500.0)
    eyes.take("g2", digest([99.5, 80.0]), now=500.0)
    assert sorted(eyes.look(500.0).ages.tolist()) == pytest.approx([0.5, 1.0])


def test_a_later_digest_without_directory_keeps_the_hosts() -> None:
    eyes = Eyes(["g"])
    eyes.take("g", digest([99.0, 99.0]), now=500.0)
    eyes.take("g", digest([99.9, 99.0], hosts=None), now=500.2)
    assert eyes.look(500.2).hosts == (A.hex(), B.hex())


def test_a_broken_link_leaves_a_growing_digest_age_and_no_word_about_hosts() -> None:
    eyes = Eyes(["g"])
    eyes.take("g", digest([99.0, 99.0]), now=500.0)
    eyes.forget("g")
    sight = eyes.look(503.0)
    assert sight.hosts == ()
    assert sight.gateways[0].digest_age == pytest.approx(3.0)


def test_a_look_has_the_age_of_its_beginning() -> None:
    eyes = Eyes(["g"])
    seen = Seen(A.hex(), B.hex(), "silent", 0, 2, 800)
    eyes.take("g", digest([99.0, 99.0], seen=(seen,)), now=500.0)
    judged = sights_of(eyes.look(501.0), 501.0).seen[A.hex()][0]
    assert (judged.observer, judged.kernel, judged.asked) == (B.hex(), "silent", 2)
    assert judged.age == pytest.approx(1.8)


def test_a_pause_is_told_once_and_a_slow_judgement_is_none() -> None:
    eyes = Eyes(["g"])
    assert eyes.look(500.0).pause is None
    eyes.pulse(500.0)
    eyes.pulse(500.1)
    eyes.pulse(502.0)  # the process stood still
    eyes.pulse(502.1)
    assert eyes.look(502.1).pause == pytest.approx(1.9)
    for tenth in range(30):  # the judgement waits for 3 s, the digests are taken all the time
        eyes.pulse(502.2 + tenth / 10)
    assert eyes.look(505.15).pause == pytest.approx(0.1)


def test_a_pause_that_lasts_until_the_look_is_seen_by_it() -> None:
    eyes = Eyes(["g"])
    eyes.pulse(500.0)
    assert eyes.look(504.0).pause == pytest.approx(4.0)
