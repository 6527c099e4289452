"""A standby that our rules refuse is promoted on a person's word: once, and as it was shown."""

from __future__ import annotations

from typing import Any

import pytest

from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions.chosen import Given, choose_copy
from recovery.failover.models import Vouch
from recovery.inventory.facts import Durability, Verdict
from recovery.operations.models import Operation
from tests.actions.failover.agents import Play
from tests.actions.failover.fleet import make_pair
from tests.support.fleet import lose

pytestmark = pytest.mark.django_db
ADA, BOB = Actor("person", "ada"), Actor("person", "bob")


def stuck(healthy: float = 5.0, durability: Durability = Durability.SYNCHRONOUS) -> Play:
    """Its primary is lost before its standby was well for 60 s."""
    play = Play(make_pair(durability=durability))
    play.settle()
    play.servers[play.pair.standby.pk].healthy = healthy
    play.run(1)
    play.kill(play.pair.primary)
    play.until("analyse")
    play.run(1)
    return play


def offer(play: Play) -> dict[str, Any]:
    (found,) = play.failover.candidates
    return dict(found)


def say(play: Play, digest: str, who: Actor = ADA, first: Vouch | None = None) -> Given:
    return choose_copy(
        database=play.database,
        digest=digest,
        first=first,
        typed="orders",
        actor=who,
        reason="The primary's disk is gone.",
        now=play.now,
    )


def test_its_60_seconds_never_fill_and_a_person_promotes_it() -> None:
    play = stuck()
    play.run(20)
    assert play.failover.phase == "analyse", "nothing is done by itself"
    shown = offer(play)
    assert (shown["may"], shown["people"], shown["behind"]) == (True, 1, "0")
    assert shown["reason"] == "It has been well for 5 s, not for 60 s."
    say(play, shown["digest"])
    done = play.until("rebuild")
    assert (done.target_id, play.database.primary_id) == (play.pair.standby.pk,) * 2
    assert done.proof["kind"] == "lease-ended", "a word is no proof"
    entry = AuditEntry.objects.get(body__action="promoted on a person's word")
    assert entry.body["actor"]["id"] == "ada"
    assert entry.body["reason"] == "The primary's disk is gone."


def test_two_presses_of_two_people_are_one_word() -> None:
    play = stuck()
    shown = offer(play)
    first = say(play, shown["digest"]).failover
    again = say(play, shown["digest"], BOB).failover
    assert first is not None
    assert again is not None
    assert first.act == again.act
    play.until("rebuild")
    assert Operation.objects.filter(verb="promote").count() == 1
    with pytest.raises(Refused, match="waits for nobody's choice"):
        say(play, shown["digest"])


def test_the_leader_is_killed_between_the_word_and_the_act() -> None:
    play = stuck()
    say(play, offer(play)["digest"])
    play.lead()
    assert play.until("rebuild", 60).target_id == play.pair.standby.pk
    assert Operation.objects.filter(verb="promote").count() == 1


def test_what_was_shown_is_no_more_and_nothing_is_done() -> None:
    play = stuck()
    shown = offer(play)
    play.servers[play.pair.standby.pk].position += 8
    play.run(6)
    assert offer(play)["digest"] != shown["digest"]
    with pytest.raises(Conflict, match="no longer what you were shown"):
        say(play, shown["digest"])
    assert play.failover.act == ""


def test_the_standby_is_lost_after_the_word_and_nobody_is_promoted() -> None:
    play = stuck()
    say(play, offer(play)["digest"])
    play.kill(play.pair.standby)
    play.run(30)
    assert play.failover.phase == "analyse"
    assert not Operation.objects.filter(verb="promote").exists()
    assert not offer(play)["may"]


def test_the_primary_comes_back_before_it_is_revoked_and_leads_on() -> None:
    play = stuck()
    server = play.servers[play.pair.primary.pk]
    say(play, offer(play)["digest"])
    server.is_up = True
    host = play.pair.primary.host
    host.refresh_from_db()
    lose(host, Verdict.ALIVE)
    play.run(10)
    assert play.database.primary_id == play.pair.primary.pk
    assert play.failover.phase == "abandoned"
    assert not Operation.objects.filter(verb="promote").exists()


def test_a_word_over_a_primary_that_runs_is_refused() -> None:
    play = stuck()
    shown = offer(play)
    play.servers[play.pair.primary.pk].is_up = True
    host = play.pair.primary.host
    host.refresh_from_db()
    lose(host, Verdict.ALIVE)
    play.mono += 0.2
    play._speak()
    with pytest.raises(Refused, match="is back and runs"):
        say(play, shown["digest"])


def test_where_writes_may_be_lost_it_takes_two_who_agree_to_the_same() -> None:
    play = Play(make_pair(durability=Durability.ASYNCHRONOUS))
    play.settle()
    play.servers[play.pair.primary.pk].position += 64 << 20
    play.run(1)
    play.kill(play.pair.primary)
    play.until("analyse")
    play.run(1)
    shown = offer(play)
    assert (shown["may"], shown["people"], shown["behind"]) == (True, 2, str(64 << 20))
    assert say(play, shown["digest"]).failover is None
    assert say(play, shown["digest"]).failover is None, "said twice it stands as it was"
    word = Vouch.objects.get()
    play.run(5)
    assert play.failover.phase == "analyse", "one person is not two"
    with pytest.raises(Refused, match="somebody else's"):
        say(play, shown["digest"], ADA, word)
    with pytest.raises(Conflict, match="Somebody vouches"):
        say(play, shown["digest"], BOB)
    say(play, shown["digest"], BOB, word)
    assert play.until("rebuild").target_id == play.pair.standby.pk
    word.refresh_from_db()
    assert (word.state, word.given_by) == ("used", "bob")
    assert play.failover.authority["people"] == ["ada", "bob"]


def test_a_wrong_name_and_an_unknown_digest_do_nothing() -> None:
    play = stuck()
    with pytest.raises(Refused, match="This is not orders"):
        choose_copy(
            database=play.database,
            digest=offer(play)["digest"],
            typed="order",
            actor=ADA,
            reason="So.",
            now=play.now,
        )
    with pytest.raises(Conflict, match="no longer what you were shown"):
        say(play, "")


def test_the_primary_has_a_promise_by_then_and_leads_on() -> None:
    """The word is given, and it is us who can't see: nobody is promoted over a live promise."""
    play = stuck()
    say(play, offer(play)["digest"])
    play.servers[play.pair.standby.pk].promised = 9.0
    play.run(3)
    assert play.failover.phase == "abandoned"
    assert not Operation.objects.filter(verb="promote").exists()
