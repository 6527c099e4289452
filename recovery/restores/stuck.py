"""Whether a restore gets anywhere, whom it wakes when it does not, and what they do next. Pure.

Invariants: what waits for a person's word is never stuck, and nothing is called still for longer
than somebody looked at it (B3); whoever is told reads for how long, in which try, how the one
before ended, and one next act; people are woken where the database does not serve and nobody
paused it; and what an alarm says stays true for as long as it stands: what changes by the
minute is on the page that it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.backups.words import spoken
from recovery.inventory.facts import DatabaseState, Verdict
from recovery.restores.facts import BEFORE_SWITCH, ENDED, Facts, Phase, may_call_off
from recovery.restores.words import NOBODY, plain

STILL = 180.0
"""Seconds without a byte, or a step, after which it is stuck."""
MANY = 3
"""The third try is no blink any more."""
RINGS_AT_LEAST = 300.0
"""Seconds for which it goes on ringing: what creeps on would ring at each halt anew."""
WAITED_FOR = 30.0
"""Seconds after its end in which the database may serve again by itself: its host is back."""
TOLD_FOR = 3600.0
"""Seconds for which one in place that ended is told of: its database serves meanwhile."""
BODY = {
    True: "It does not serve meanwhile. In which try it is, why, and what to do next:",
    False: "Nobody is woken for it now. In which try it is, why, and what lets it go on:",
}
UNHEARD = 30.0
"""Seconds after which an agent's silence is told beside what it said."""
PASSES = "store:"
DIED = "its agent ended in the middle of it, and began anew"


@dataclass(frozen=True, slots=True)
class Tries:
    """Of the order of one phase. `number`: how many were begun; `ended`: the words in which the
    last one that came to nothing ended, at `ended_at`; `is_over`: none came after it yet."""

    number: int = 0
    ended: str = ""
    ended_at: datetime | None = None
    is_over: bool = False


NO_TRIES = Tries()


@dataclass(frozen=True, slots=True)
class Motion:
    """How a restore went on. `still`: seconds since anything of it did, at most as long as we have
    looked; `moves`: its newest try goes on; `heard`: since its agent's newest word on it, None:
    none yet; `doing`: that word; `rung`: for how long its alarm stands, 0: it does not."""

    name: str
    still: float
    heard: float | None = None
    doing: str = ""
    tries: Tries = NO_TRIES
    rung: float = 0.0
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The newest restore of its database, which ended without it and by nobody's word, `ago`
    seconds before now."""

    name: str
    database: str
    reason: str
    serves: bool
    in_place: bool
    ago: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """What rings: a title, a body that stays true, and whether it wakes people. `said`: all that
    is so now, with the next act."""

    title: str
    body: str
    said: str
    wakes: bool


def stuck(facts: Facts, motion: Motion, waits: str) -> Alarm | None:
    """None: it goes on, or it is over. `waits`: what its next step waits for."""
    if facts.phase in ENDED or facts.phase is Phase.ASKED or facts.called_off:
        return None
    is_still = motion.still >= STILL
    if not (is_still or is_failing(motion.tries) or 0 < motion.rung < RINGS_AT_LEAST):
        return None
    still = f"Nothing of it has gone on for {spoken(timedelta(seconds=motion.still))}."
    said = [
        still if is_still else "It is tried again and again.",
        _why(facts, motion, waits),
        told(motion.tries),
        next_act(facts, motion),
    ]
    wakes = facts.state is not DatabaseState.SERVING and not facts.paused
    title = f"{facts.database}: its restore {motion.name} does not get on"
    body = f"{BODY[wakes]} /databases/{facts.database}/"
    return Alarm(title, body, " ".join(one for one in said if one), wakes)


def is_failing(tries: Tries) -> bool:
    """Tried again and again: this one, too, may come to nothing."""
    return tries.number >= MANY and bool(tries.ended)


def _why(facts: Facts, motion: Motion, waits: str) -> str:
    """In its step's words; of an agent that is at it, in its own."""
    if facts.phase is not Phase.RESTORE or facts.paused or facts.verdict is not Verdict.ALIVE:
        return waits
    if motion.heard is None:
        return f"{waits} Its agent has said nothing of it yet."
    if motion.heard > UNHEARD:
        ago = spoken(timedelta(seconds=motion.heard))
        return f"{waits} Its agent’s last word on it, {ago} ago: {motion.doing}."
    return f"{waits} Its agent says: {motion.doing}."


def told(tries: Tries) -> str:
    """Which try it is, and how the last one that came to nothing ended; empty: none did."""
    if not tries.ended:
        return ""
    words = plain(tries.ended)
    if tries.is_over:
        return f"Try {tries.number} came to nothing; it ended with: {words}."
    return f"It is try {tries.number}; the last one that came to nothing ended with: {words}."


def next_act(facts: Facts, motion: Motion) -> str:
    """The one thing that a person does next. What goes on is left alone."""
    if facts.paused:
        return "Everything is paused; let it go on: /held/."
    if motion.moves:
        return f"It goes on now: {NOBODY.lower()}."
    is_hosts = facts.verdict is not Verdict.ALIVE or facts.deaf_since is not None
    words = act_of(facts.phase, facts.host, in_place=facts.in_place)
    if facts.phase in BEFORE_SWITCH:
        words = f"{words}{otherwise(motion.tries, is_hosts=is_hosts, in_place=facts.in_place)}"
    return f"Next: {words}: {path_of(facts.phase, facts.database, facts.host, facts.in_place)}"


def act_of(phase: Phase, host: str, *, in_place: bool) -> str:
    if not may_call_off(phase, in_place=in_place):
        return f"look at {host}, which has to start what was restored"
    if phase not in BEFORE_SWITCH:
        return "call it off, and what was there before serves again"
    return "call it off and ask anew"


def otherwise(tries: Tries, *, is_hosts: bool, in_place: bool) -> str:
    """With what else than now; in place there is no other host."""
    if in_place:
        return "" if is_hosts else ", from another replica"
    if is_hosts:
        return ", with another host"
    from_store = tries.ended.startswith(PASSES)
    return ", from another replica" if from_store else ", from another replica or with another host"


def path_of(phase: Phase, database: str, host: str, in_place: bool) -> str:
    """The page where that is done."""
    if may_call_off(phase, in_place=in_place):
        return f"/databases/{database}/restore/call-off/"
    return f"/hosts/{host}/"


def ended(one: Ended) -> Alarm | None:
    """What came to nothing, and was asked for by nobody again; None: nobody has to be told."""
    if one.ago < WAITED_FOR or (one.serves and not (one.in_place and one.ago <= TOLD_FOR)):
        return None
    path = "restore-in-place" if one.in_place else "restore"
    said = f"{one.reason.rstrip('. ')}. Next: ask for it anew: /databases/{one.database}/{path}/"
    title = f"{one.database}: its restore {one.name} ended without it"
    return Alarm(title, said, said, not one.serves)
