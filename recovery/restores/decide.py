"""What is restored, where to, and what is the next step of it: facts in, an answer out. Pure.

Invariants: nothing is promised that was not read in an archive; a replica in a lost site or of an
unknown place is never chosen; until the switch everything can be called off and the old host's
return ends it; the switch happens only from the state and epoch that two people agreed to, with a
result that loses no more than they agreed to; after it, what does not serve ends in bounded time
while its host is there to say so, and in place it is gone back from until it serves; an order is
never taken for its outcome.
"""

from __future__ import annotations

from datetime import timedelta

from recovery.backups.facts import LoanState
from recovery.backups.words import instant, spoken
from recovery.inventory.facts import DatabaseState, Plan, Verdict
from recovery.operations.facts import UNDER_WAY, OperationState
from recovery.restores.closing import unclosed
from recovery.restores.facts import (
    BEFORE_SWITCH,
    ENDED,
    Act,
    Answer,
    Facts,
    LoanSight,
    OrderSight,
    Phase,
    Result,
    Step,
    Wait,
)
from recovery.restores.in_place import MOST_ADOPTIONS, refuse_led, starts, way_back
from recovery.restores.lost import GONE, is_back, is_open, is_unheard
from recovery.restores.words import deaf, plain

SLACK = timedelta(seconds=5)
"""A result may fall so far behind its quote: two readings of one archive."""
SINGS_WITHIN = timedelta(minutes=3)
"""A canary a minute, while it takes writes: of a longer silence people are told."""
MOST_ORDERS = 6
MOST_DEAF = 120.0
"""Seconds for which a host that is heard, and takes no orders, is waited for before the switch."""
AGAIN_SECONDS = 5.0
ARCHIVE = "archive: "
"""How an agent's words begin about what is wrong with an archive."""
PASSING = ("quarantine:", "epoch:", "store:")
"""How an agent's words begin about what ends by itself."""


# ---------------------------------------------------------------------- the next step


def next_step(facts: Facts) -> Answer:
    """One step, or why it waits."""
    if facts.phase in ENDED:
        return Wait("It is over.")
    if facts.phase in BEFORE_SWITCH:
        return _before_switch(facts)
    return _after_switch(facts)


def _before_switch(facts: Facts) -> Answer:
    if reason := _off(facts):
        return _end(reason)
    if facts.phase is Phase.ASKED:
        return _asked(facts)
    if facts.verdict in GONE:
        return _end(f"{facts.host} is {facts.verdict}. Ask anew, with another host.")
    if facts.deaf_since is not None and facts.deaf_for > MOST_DEAF:
        return _end(f"{facts.host} {deaf(facts.deaf_since)} Ask anew, with another host.")
    if waits := _waits(facts):
        return Wait(waits)
    return _STEPS[facts.phase](facts)


def _waits(facts: Facts) -> str:
    """What passes by itself, or by somebody else's act."""
    if facts.failover and facts.plan is Plan.STARTER and not facts.in_place:
        return f"{facts.failover} of {facts.database}, is under way."
    if facts.paused:
        return f"Everything is paused: {facts.paused}"
    return refuse_led(facts)


def _asked(facts: Facts) -> Answer:
    if facts.word_is_over:
        return Step(Act.END, Phase.EXPIRED, "Nobody gave the second word in time.")
    return Wait("A second person has to say so too.")


def _off(facts: Facts) -> str:
    """Why it must not go on at all, or nothing."""
    if facts.called_off:
        return f"{facts.called_off} called it off."
    if not facts.in_place and (back := is_back(facts.standing)):
        return back
    if facts.epoch != facts.old_epoch:
        return f"{facts.database} is in epoch {facts.epoch} now; both words were about another."
    is_starter = facts.plan is Plan.STARTER and not facts.in_place
    if is_starter and facts.state is not DatabaseState.WAITING:
        return f"{facts.database} is {facts.state}: it does not wait any more."
    return ""


def _choose(facts: Facts) -> Answer:
    if facts.source_gone:
        return _end(f"What was agreed to does not hold any more: {facts.source_gone}")
    return Step(Act.ADVANCE, Phase.PLACE, "The replica still goes as far as was agreed to.")


def _place(facts: Facts) -> Answer:
    if facts.host_refused:
        return _end(f"What was agreed to does not hold any more: {facts.host_refused}")
    if waits := _awaited(facts) or unlent(facts.loan):
        return Wait(waits)
    return Step(Act.ORDER, Phase.RESTORE, f"{facts.host} can take it.")


def _awaited(facts: Facts) -> str:
    """Why its host is waited for: a blink throws away neither a finished restore nor the words that
    two people gave; empty where nothing is amiss. Its loss ends it, before this is asked."""
    if facts.verdict is not Verdict.ALIVE:
        return (
            f"{facts.host} is {facts.verdict}: it goes on once it is alive, and ends with its loss."
        )
    if facts.is_quarantined:
        return f"{facts.host} has come back and is not trusted yet."
    return f"{facts.host} {deaf(facts.deaf_since)}" if facts.deaf_since is not None else ""


def unlent(loan: LoanSight | None) -> str:
    """What an order about a snapshot still waits for; empty: nothing."""
    if loan is None or loan.state is LoanState.READY:
        return ""
    return loan.said or "A volume of its snapshot is asked for."


def _restore(facts: Facts) -> Answer:
    """An unknown outcome is asked for again: a restore that was broken off begins anew, and one
    that is there is reported."""
    order = facts.restore
    if order is not None and order.state is OperationState.DONE:
        return Step(Act.TAKE, Phase.VERIFY, f"{facts.host} has restored and proven it.")
    return _ordered(facts, order, "It cannot be restored")


def _verify(facts: Facts) -> Answer:
    if reason := _short(facts):
        return _end(reason)
    if facts.host_refused:
        return _end(facts.host_refused)
    if waits := _awaited(facts) or _is_held(facts):
        return Wait(waits)
    assert facts.result is not None, "it was looked at"
    upto = instant(facts.result.moment, exact=facts.to is not None)
    said = f"Its sums are right, a server started on it and answered: everything up to {upto}."
    said += _silence(facts.result)
    held = facts.lease.number if facts.lease and not facts.lease.is_revoked else None
    return Step(Act.SWITCH, Phase.SWITCH, said, lease=held)


def _silence(result: Result) -> str:
    """What its canary says against it: one a minute is sung while it takes writes."""
    canary = result.canary
    if canary is None or result.moment - canary <= SINGS_WITHIN:
        return ""
    return (
        f" But its newest canary, of which one is sung a minute, is of {instant(canary)}: of the"
        f" {spoken(result.moment - canary)} after it nothing was seen in it. Look whether it took"
        " writes then."
    )


def _is_held(facts: Facts) -> str:
    """Who lives by a lease in its own place is ended by the agent that puts the new data there; its
    lease is revoked with the switch."""
    if facts.in_place:
        return ""
    silent = is_unheard(facts.standing) if facts.plan is Plan.BUSINESS else ""
    return silent or is_open(facts.lease)


def _short(facts: Facts) -> str:
    """What is missing in the result, or nothing."""
    if facts.result is None:
        return f"The word of {facts.host} about it cannot be read."
    due = facts.to or facts.quoted
    if due is not None and facts.result.moment < due - SLACK:
        less = spoken(due - facts.result.moment)
        return f"It ends {less} before the moment that was agreed to: ask anew if that will do."
    return ""


_STEPS = {
    Phase.CHOOSE: _choose,
    Phase.PLACE: _place,
    Phase.RESTORE: _restore,
    Phase.VERIFY: _verify,
}


def _after_switch(facts: Facts) -> Answer:
    if facts.epoch != facts.new_epoch:
        return _end(f"{facts.database} is in epoch {facts.epoch} now: somebody moved it on.")
    serves = facts.state is DatabaseState.SERVING and facts.routed_epoch == facts.epoch
    if serves and (facts.in_place or facts.phase is Phase.ROUTE):
        return _served(facts)
    if facts.in_place and facts.called_off:
        return _end(f"{facts.called_off} called it off. {way_back(facts)}")
    if facts.verdict in GONE:
        return _end(f"{facts.host} is {facts.verdict}. {way_back(facts)}")
    return _start(facts) if facts.phase is Phase.ROUTE else _adopt(facts)


def _served(facts: Facts) -> Answer:
    if facts.phase is Phase.SWITCH:
        said = f"{facts.host} leads with the restored data, by its agent's word."
        return Step(Act.ADVANCE, Phase.ROUTE, said)
    is_late = facts.in_place and facts.called_off
    late = f" {facts.called_off} called it off too late for that." if is_late else ""
    said = f"It accepts writes on {facts.host}, and its users are led there.{late}"
    return Step(Act.END, Phase.DONE, said)


def _start(facts: Facts) -> Answer:
    """What does not start is not waited for without end, while its host is there to say so."""
    if waits := _awaited(facts):
        return Wait(waits)
    if why := starts(facts):
        return _end(f"{why} {way_back(facts)}")
    return Wait(f"{facts.host} starts it; users follow as soon as it accepts writes.")


def _adopt(facts: Facts) -> Answer:
    if facts.adopt is None and (answer := _closed(facts)) is not None:
        return answer
    if facts.adopt is not None and facts.adopt.state is OperationState.DONE:
        return Step(Act.ADVANCE, Phase.ROUTE, f"The data are in place on {facts.host}.")
    return _ordered(facts, facts.adopt, "Its data could not be put in place")


def _closed(facts: Facts) -> Answer | None:
    """Its old host, where that lives, has to say that it starts nothing before anything is put in
    place: its disk may have been freed in this very moment, and then two would serve (I-DB-1).
    None: it has said so, or nobody expects a word of it."""
    why, order = unclosed(facts.close, facts.left), facts.close
    if not why or order is None:
        return None
    if order.state in UNDER_WAY or facts.quiet < AGAIN_SECONDS:
        return Wait(why)
    return Step(Act.CLOSE, Phase.SWITCH, f"Asked for again: {why}")


def _ordered(facts: Facts, order: OrderSight | None, failed: str) -> Answer:
    """The order of this phase, again where its outcome is not known."""
    if order is None:
        return Step(Act.ORDER, facts.phase, "Its order was never asked for.")
    if order.state in UNDER_WAY:
        if waits := order.held or _awaited(facts):
            return Wait(waits)
        if facts.phase is Phase.RESTORE and facts.orders > MOST_ORDERS:
            return _end(f"{failed} in {MOST_ORDERS} attempts: its agent ended in the middle of it.")
        return Wait(f"{facts.host} is at it.")
    is_final = order.state in {OperationState.FAILED, OperationState.REFUSED}
    if is_final and facts.phase is Phase.RESTORE and not is_passing(order):
        return _end(f"{failed}: {words_of(order)}")
    return _again(facts, words_of(order) or order.state, failed)


def _again(facts: Facts, said: str, failed: str) -> Answer:
    if waits := _awaited(facts):
        return Wait(waits)
    is_replacing = facts.in_place and facts.phase is Phase.SWITCH
    if facts.orders >= (MOST_ADOPTIONS if is_replacing else MOST_ORDERS):
        back = f". {way_back(facts)}" if is_replacing else ""
        return _end(f"{failed} in {facts.orders} attempts: {said}{back}")
    if facts.quiet < AGAIN_SECONDS:
        return Wait(f"{said}. It is asked for again.")
    return Step(Act.ORDER, facts.phase, f"Asked for again: {said}")


def words_of(order: OrderSight) -> str:
    """For people: its agent's, without the mark of whose trouble it was."""
    return plain(order.detail)


def is_passing(order: OrderSight) -> bool:
    """It ends by itself: an agent that has just begun or met a leader, a store that does not
    answer."""
    return order.detail.startswith(PASSING)


def _end(reason: str) -> Step:
    return Step(Act.END, Phase.ABANDONED, reason)
