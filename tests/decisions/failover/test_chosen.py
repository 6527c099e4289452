"""Nobody is safe by our rules: what people may choose all the same, and what nobody may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recovery.failover.chosen import WAIVABLE, Chosen, Offer, Quote, Rule, refuse_more
from recovery.failover.elect import elect
from recovery.failover.facts import NEVER, Act, Around, Ask, Facts, Standby, Step, Wait
from recovery.inventory.facts import Durability, Role, Verdict
from tests.decisions.failover.build import (
    ENDED,
    POLICY,
    WRITTEN,
    answered,
    database,
    decide,
    failover,
    lost,
    primary,
    standby,
)

AFTER = ENDED + 0.1
NEW = standby(healthy_for=5.0)


def chosen(**changes: Any) -> Chosen:
    plain = Chosen("word/1", "b", ("ada",), frozenset({Rule.WELL}), behind=0, seconds=0.0)
    return replace(plain, **changes)


def stuck(*others: Any, word: Chosen | None = None, **changes: Any) -> Facts:
    """Its primary is lost and its standby was asked; `word`: what people chose."""
    known = failover(asked=(answered(),), chosen=word)
    gone = primary(age=7.0, verdict=Verdict.LOST)
    return lost(gone, *(others or (NEW,)), failover=known, **changes)


def offer_of(known: Facts) -> Offer:
    source = known.replica("a")
    assert source is not None
    return next(o for o in elect(known, POLICY, AFTER, source=source).offers if o.replica == "b")


def test_a_standby_that_is_not_well_for_long_enough_is_offered_to_one_person() -> None:
    answer = decide(stuck(), AFTER)
    assert isinstance(answer, Ask)
    assert answer.alarm == "no-candidate"
    found = offer_of(stuck())
    assert (found.may_be_chosen, found.people, found.rules) == (True, 1, {Rule.WELL})
    assert found.quote.said == "nothing that was acknowledged is lost."


def test_on_the_word_of_a_person_it_goes_on_with_the_proof_and_not_before() -> None:
    early = decide(stuck(word=chosen()), ENDED - 1.0)
    assert isinstance(early, Wait)
    assert "Its lease ends" in early.reason
    answer = decide(stuck(word=chosen()), AFTER)
    assert isinstance(answer, Step)
    assert answer.act is Act.REVOKE
    assert answer.proof is not None


def test_a_word_is_no_proof_where_no_lease_ends() -> None:
    answer = decide(stuck(word=chosen(), lease=None), AFTER)
    assert isinstance(answer, Ask)
    assert answer.alarm == "no-proof"


def test_a_word_stands_above_no_promise_no_pause_and_no_blind_eye() -> None:
    kept = decide(stuck(replace(NEW, promised_for=9.0), word=chosen()), AFTER)
    assert isinstance(kept, Step)
    assert kept.act is Act.ABANDON
    paused = decide(stuck(word=chosen(), around=Around(paused="by ada")), AFTER)
    assert isinstance(paused, Ask)
    assert isinstance(decide(stuck(word=chosen(), around=Around(blind=("so",))), AFTER), Wait)


MISSED = (Standby("b", WRITTEN - 900, is_streaming=False, is_synchronous=False),)
OTHER = standby(replica="c", name="orders-3", host="host-c", age=99.0)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"may_be_promoted": False}, Rule.KEPT),
        ({"role": Role.OUT}, Rule.KEPT),
        ({"datacenter": "MRS"}, Rule.PLACE),
        ({"verdict": Verdict.LOST}, Rule.LIFE),
        ({"age": 20.0}, Rule.LIFE),
        ({"server": "down"}, Rule.LIFE),
        ({"free_bytes": 1}, Rule.LIFE),
        ({"timeline": 2}, Rule.HISTORY),
        ({"system": "8"}, Rule.HISTORY),
        ({"version": "17.1"}, Rule.HISTORY),
        ({"position": WRITTEN - 900}, Rule.HISTORY),
        ({"claimed_early": WRITTEN + 900}, Rule.HISTORY),
    ],
)
def test_what_nobody_may_choose(changes: dict[str, Any], rule: Rule) -> None:
    known = stuck(replace(NEW, **changes))
    found = offer_of(known)
    assert rule in found.rules
    assert not found.may_be_chosen
    word = chosen(waives=frozenset(WAIVABLE), behind=10_000, seconds=None)
    answer = decide(stuck(replace(NEW, **changes), word=word), AFTER)
    assert isinstance(answer, Ask | Wait), "a word of people makes no such copy good"


def test_what_may_have_missed_acknowledged_writes_takes_two_people_and_says_what_it_loses() -> None:
    gone = primary(age=7.0, verdict=Verdict.LOST, standbys=MISSED)
    behind = standby(position=WRITTEN - 900)
    both = (gone, behind, OTHER)
    found = offer_of(lost(*both, failover=failover(asked=(answered(),))))
    assert (found.may_be_chosen, found.people) == (True, 2)
    assert found.quote.behind == 900
    word = chosen(people=("ada", "bob"), waives=found.rules, behind=900, seconds=None)
    done = decide(lost(*both, failover=failover(asked=(answered(),), chosen=word)), AFTER)
    assert isinstance(done, Step)
    assert done.act is Act.REVOKE


def test_a_degraded_database_takes_two_people_and_still_its_proof() -> None:
    known = stuck(standby(), database=database(is_degraded=True))
    assert (offer_of(known).rules, offer_of(known).people) == ({Rule.DEGRADED}, 2)


def test_a_word_that_does_not_reach_so_far_says_why() -> None:
    known = stuck(word=chosen(), database=database(is_degraded=True))
    answer = decide(known, AFTER)
    assert isinstance(answer, Ask)
    assert "On the word of ada it is not: writes were acknowledged" in answer.reason
    assert answer.election is not None
    assert answer.election.offers


def test_whoever_is_safe_goes_before_whoever_was_chosen() -> None:
    whole = standby(replica="c", name="orders-3", host="host-c")
    seen = tuple(Standby(key, WRITTEN, is_streaming=True, is_synchronous=True) for key in "bc")
    gone = primary(age=7.0, verdict=Verdict.LOST, standbys=seen)
    known = lost(gone, NEW, whole, failover=failover(chosen=chosen()))
    source = known.replica("a")
    assert source is not None
    assert elect(known, POLICY, AFTER, source=source).chosen == "c"


@pytest.mark.parametrize(
    ("quote", "word", "says"),
    [
        (Quote(900, 800, 1.0, 1.0, 2.0, ""), {"behind": 100, "seconds": 1.0}, ""),
        (Quote(900, 700, 1.0, 1.0, 2.0, ""), {"behind": 100, "seconds": 1.0}, "200 bytes"),
        (Quote(900, 800, 1.0, 9.0, 9.0, ""), {"behind": 100, "seconds": 1.0}, "about 9 s"),
        (Quote(900, 800, 1.0, None, None, ""), {"behind": 100, "seconds": 1.0}, "any more"),
        (Quote(900, 800, 1.0, None, None, ""), {"behind": 100, "seconds": None}, ""),
    ],
)
def test_nobody_agreed_to_more_than_they_were_shown(
    quote: Quote, word: dict[str, Any], says: str
) -> None:
    found = refuse_more(quote, chosen(**word))
    assert (says in found) if says else not found


def test_a_primary_that_this_leader_never_heard_is_weighed_all_the_same() -> None:
    """Every rule is asked, whatever came before: an unknown age is no figure."""
    gone = primary(age=NEVER, verdict=Verdict.LOST)
    found = offer_of(lost(gone, NEW, lease=None, failover=failover()))
    assert found.rules == {Rule.WELL}


def test_more_lag_than_is_let_pass_is_weighed_by_two() -> None:
    far = standby(position=WRITTEN, lag=99.0)
    seen = (Standby("b", WRITTEN, is_streaming=True, is_synchronous=False),)
    gone = primary(age=7.0, verdict=Verdict.LOST, standbys=seen, position=WRITTEN + (64 << 20))
    known = lost(
        gone,
        far,
        database=database(durability=Durability.ASYNCHRONOUS),
        failover=failover(asked=(answered(),)),
    )
    found = offer_of(known)
    assert (found.rules, found.people) == ({Rule.LOSS}, 2)
