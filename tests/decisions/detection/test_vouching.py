"""Two people say that a datacenter is lost: what is expected then, and what ends their word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.detection.eyes import Eyes, Scene, open_eyes
from recovery.detection.facts import Gateway, Kernel
from recovery.detection.policy import Policy
from recovery.detection.sights import Memory, Roster, Seen, Sights
from recovery.detection.vouching import Silence, refuse_vouch

NOW, POLICY = 1000.0, Policy()
PLACES = ("A", "B", "C")


def eyes(
    sizes: dict[str, int],
    silent: set[str],
    vouched: frozenset[str],
    seen: Mapping[str, Sequence[Seen]] | None = None,
) -> Eyes:
    """`silent`: of these hosts (a0, a1, b0 …) nothing has come for a minute."""
    hosts = [f"{place.lower()}{at}" for place, size in sizes.items() for at in range(size)]
    roster = Roster.of(
        hosts, hosts, [name[0].upper() for name in hosts], [frozenset()] * len(hosts)
    )
    sights = Sights(
        hosts=tuple(hosts),
        ages=np.array([60.0 if name in silent else 0.4 for name in hosts]),
        boots=np.ones(len(hosts), dtype=np.uint64),
        seen=seen or {},
        gateways=(Gateway("g1", 0.1, 900.0),),
        pause=0.1,
    )
    memory = Memory.fresh(NOW - 900)
    return open_eyes(Scene(roster, {}, sights, vouched=vouched), memory, POLICY, NOW)


THREE = {"A": 4, "B": 4, "C": 4}


def of(*places: str) -> set[str]:
    return {f"{place.lower()}{at}" for place in places for at in range(4)}


def test_two_of_three_datacenters_silent_look_like_a_cut_until_people_vouch_for_both() -> None:
    assert eyes(THREE, of("A", "B"), frozenset()).blind
    assert eyes(THREE, of("A", "B"), frozenset({"A"})).blind
    assert not eyes(THREE, of("A", "B"), frozenset({"A", "B"})).blind


def test_of_two_datacenters_one_word_is_enough() -> None:
    two = {"A": 4, "B": 4}
    assert eyes(two, of("A"), frozenset()).blind
    assert not eyes(two, of("A"), frozenset({"A"})).blind


def test_one_host_that_is_heard_makes_its_datacenter_expected_again() -> None:
    seen = eyes(THREE, of("A", "B") - {"b2"} | {"c0"}, frozenset({"A", "B"}))
    assert dict(seen.refuted) == {"B": "b2 is heard."}
    assert seen.blind.reasons[0].startswith("Only 4 of 8 hosts are heard")


@pytest.mark.parametrize(
    ("look", "is_refuted"),
    [
        (Seen("c1", Kernel.ANSWERS, 0, 0, 1.0), True),
        (Seen("c1", Kernel.RESETS, 0, 0, 1.0), True),
        (Seen("c1", Kernel.SILENT, 1, 2, 1.0), True),
        (Seen("c1", Kernel.SILENT, 0, 2, 1.0), False),
        (Seen("c1", Kernel.ANSWERS, 2, 2, 61.0), False),
        (Seen("a1", Kernel.ANSWERS, 2, 2, 1.0), False),
        (Seen("control-plane", Kernel.ANSWERS, 2, 2, 1.0), False),
    ],
    ids=["kernel", "resets", "serves", "silent", "before its last beat", "unheard", "ourselves"],
)
def test_a_peer_that_is_heard_and_sees_it_alive_ends_it_too(look: Seen, is_refuted: bool) -> None:
    seen = eyes(THREE, of("A", "B"), frozenset({"A", "B"}), {"b3": [look]})
    assert dict(seen.refuted) == ({"B": "c1 sees b3 alive."} if is_refuted else {})
    assert bool(seen.blind) is is_refuted


@pytest.mark.parametrize("vouched", [frozenset(), frozenset({"A", "B"})], ids=["no word", "words"])
def test_who_is_blind_says_which_silent_datacenter_others_see_alive(
    vouched: frozenset[str],
) -> None:
    look = Seen("c1", Kernel.ANSWERS, 0, 0, 1.0)
    seen = eyes(THREE, of("A", "B"), vouched, {"b3": [look], "c2": [look]})
    assert dict(seen.blind.living) == {"B": "c1 sees b3 alive."}
    assert seen.blind.reasons[-1] == "Nobody of B is heard, yet others see it alive."
    assert not any("Nobody of A" in why for why in seen.blind.reasons)


def test_who_sees_needs_no_such_reason() -> None:
    look = Seen("c1", Kernel.ANSWERS, 0, 0, 1.0)
    assert not eyes(THREE, of("B"), frozenset(), {"b3": [look]}).blind


def test_where_nobody_at_all_is_heard_it_is_us_whoever_says_what() -> None:
    alone = eyes(THREE, of("A", "B", "C"), frozenset(PLACES))
    assert "that is us" in alone.blind.reasons[0]


@settings(max_examples=400, deadline=None)
@given(
    sizes=st.fixed_dictionaries({place: st.integers(0, 4) for place in PLACES}),
    data=st.data(),
)
def test_a_word_only_ever_takes_silent_datacenters_out_of_what_is_expected(
    sizes: dict[str, int], data: st.DataObject
) -> None:
    hosts = [f"{place.lower()}{at}" for place, size in sizes.items() for at in range(size)]
    if not hosts:
        return
    silent = data.draw(st.sets(st.sampled_from(hosts)))
    vouched = frozenset(data.draw(st.sets(st.sampled_from(PLACES))))
    with_it = eyes(sizes, silent, vouched)
    heard = {name[0].upper() for name in hosts if name not in silent}
    assert set(with_it.refuted) == vouched & heard
    if not heard:
        assert with_it.blind
    if not vouched - heard:
        assert with_it.blind.reasons == eyes(sizes, silent, frozenset()).blind.reasons
    if (
        heard
        and vouched | heard >= {place for place, size in sizes.items() if size}
        and not (vouched & heard)
    ):
        rest = {p: n for p, n in sizes.items() if p in heard}
        alone = {name for name in silent if name[0].upper() in heard}
        assert with_it.blind.reasons == eyes(rest, alone, frozenset()).blind.reasons


QUIET = Silence("B", hosts=4, heard=(), down=0, elsewhere=4)


@pytest.mark.parametrize(
    ("silence", "is_blind", "why"),
    [
        (QUIET, True, ""),
        (Silence("B", 4, (), 3, 1), True, ""),
        (QUIET, False, "Tocsin sees"),
        (Silence("B", 0, (), 0, 4), True, "no host that ever lived"),
        (Silence("B", 4, ("b2",), 0, 4), True, "1 of 4 hosts of B are heard (b2)"),
        (Silence("B", 4, (), 4, 4), True, "given up already"),
        (Silence("B", 4, (), 0, 0), True, "that is us"),
        (
            Silence("B", 4, (), 0, 4, "c1 sees b3 alive."),
            True,
            "B lives, and is only not heard: c1",
        ),
    ],
)
def test_a_word_is_refused_with_its_reason(silence: Silence, is_blind: bool, why: str) -> None:
    said = refuse_vouch(silence, is_blind=is_blind)
    assert (why in said) if why else not said
