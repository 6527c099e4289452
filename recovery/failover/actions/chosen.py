"""People promote a copy that our rules refuse: one word, or two where writes may be lost.

Invariants: a word is about what its people were shown (the digest of the offer in the failover's
row), of one failover that waits and ordered nobody yet; both typed the database's name; it is
written into that row as a plan's is, once, and ends with it or with its use. The cycle judges all
else anew: the proof that the old primary is closed is never spared, and what is worse by then than
what was shown is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions.moves import ask_word, check_second, use_word
from recovery.failover.actions.people import HEARD, check_typed
from recovery.failover.actions.plans import WAITING
from recovery.failover.chosen import WORD
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import UNFINISHED, FailoverKind, VouchState
from recovery.failover.rounds.telling import tell
from recovery.failover.words import GONE
from recovery.inventory.models import Database, Replica, ReplicaSight

LIFE = timedelta(minutes=30)
"""For so long a word is a word about what stands."""


@dataclass(frozen=True, slots=True)
class Given:
    """`failover`: that goes on; None: a second person has to say so too."""

    failover: Failover | None
    replica: Replica


def choose_copy(
    *,
    database: Database,
    digest: str,
    first: Vouch | None = None,
    typed: str,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Given:
    """One person's word for the copy whose offer has this digest. `first`: the word that it is the
    second one to. Said again about the same offer it changes nothing."""
    check_typed(database, typed)
    with transaction.atomic():
        row = Database.objects.select_for_update().get(pk=database.pk)
        running = _waiting(row)
        if (standing := _standing(running, digest, now)) is not None:
            return standing
        offer = _offer(running, digest)
        replica = _copy(offer)
        _check_sights(running, replica, offer, now)
        if int(str(offer["people"])) > 1:
            if first is None:
                _ask(row, running, replica, offer, actor=actor, reason=reason, now=now)
                return Given(None, replica)
            _confirm(first, row, offer, actor=actor, reason=reason, now=now)
            people = [first.requested_by, actor.id]
        else:
            people = [actor.id]
        return Given(_write(running, offer, people, actor=actor, reason=reason, now=now), replica)


def _waiting(row: Database) -> Failover:
    """Under lock, so that nobody is ordered to lead meanwhile."""
    found = Failover.objects.select_for_update().filter(database=row, phase__in=UNFINISHED).first()
    if found is None:
        raise Refused(f"No failover of {row} is under way.", kept="Nothing was changed.")
    if found.kind != FailoverKind.FAILOVER or found.phase not in WAITING:
        raise Refused(
            f"{found}, a {found.kind}, is in {found.phase}: it waits for nobody's choice.",
            kept="Nothing was changed.",
        )
    if found.called_off:
        raise Refused(f"{found.called_off} called {found} off.", kept="Nothing was changed.")
    if found.act and found.authority and not found.act.startswith(WORD):
        raise Refused(
            f"{found.authority['name']} leads {found}: who takes over stands in its plan.",
            kept="Nothing was changed.",
        )
    return found


def _standing(running: Failover, digest: str, now: datetime) -> Given | None:
    """A word that stands and is being carried out: the same again changes nothing, another one has
    to wait until that was judged."""
    told = running.authority
    if not running.act.startswith(WORD) or not told:
        return None
    if now >= datetime.fromisoformat(str(told["until"])) or running.waiting_for:
        return None
    if told["digest"] == digest:
        return Given(running, _copy(told))
    raise Conflict(
        f"{' and '.join(told['people'])} promote {_copy(told)} already.",
        kept="Nothing was changed.",
        todo="Look again in a moment.",
    )


def _offer(running: Failover, digest: str) -> Mapping[str, object]:
    found = next((one for one in running.candidates if one.get("digest") == digest), None)
    if found is None or not digest:
        raise Conflict(
            "What is known of that copy is no longer what you were shown.",
            kept="Nothing was changed.",
            todo="Read it again, and say so if it will do.",
        )
    if not found["may"]:
        raise Refused(
            f"{found['name']} is promoted on nobody's word: {found['reason']}",
            kept="Nothing was changed.",
        )
    return dict(found)


def _copy(told: Mapping[str, object]) -> Replica:
    return Replica.objects.select_related("host").get(pk=str(told["replica"]))


def _check_sights(
    running: Failover, replica: Replica, offer: Mapping[str, object], now: datetime
) -> None:
    """As the rows are now: the offer was made by a look that is over. What a host said in the
    seconds before it was lost is no sign of its life."""
    old = _sight(running.source, now)
    lives = running.source.host.verdict not in GONE
    if lives and old is not None and old.state == "running":
        raise Refused(
            f"{running.source} on {running.source.host} is back and runs: nobody is to be promoted"
            " over it.",
            kept="Nothing was changed.",
        )
    mine = _sight(replica, now)
    if mine is None or mine.state != "running":
        raise Refused(f"{replica} is not heard, or does not run.", kept="Nothing was changed.")
    if mine.position < int(str(offer["held"])):
        raise Refused(f"{replica} holds less than it did.", kept="Nothing was changed.")


def _sight(replica: Replica, now: datetime) -> ReplicaSight | None:
    """Its agent's word, where it is of now."""
    found = ReplicaSight.objects.filter(replica=replica).first()
    return found if found is not None and now - found.at <= HEARD else None


def risk_of(offer: Mapping[str, object]) -> str:
    """What both people agree to, and by what it is known again."""
    return f"{offer['name']}: {offer['quote']} ({str(offer['digest'])[:16]})"


def is_about(risk: str, digest: str) -> bool:
    """Whether a first word is about the offer of this digest."""
    return bool(digest) and risk.endswith(f"({digest[:16]})")


def _ask(
    row: Database,
    running: Failover,
    replica: Replica,
    offer: Mapping[str, object],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """The first of two words. One whose offer is no more is withdrawn by it; said twice by the same
    person it stands as it was."""
    risk = risk_of(offer)
    opened = Vouch.objects.filter(database=row, purpose="choose", state=VouchState.ASKED)
    for one in opened.filter(expires_at__gt=now):
        if one.risk == risk and one.requested_by == actor.id:
            return
        if one.risk not in {risk_of(each) for each in running.candidates}:
            said = "What it was about is no more."
            transitions.move(one, VouchState.WITHDRAWN, actor=actor, reason=said, now=now)
    ask_word(row, replica.host, purpose="choose", risk=risk, actor=actor, reason=reason, now=now)


def _confirm(
    first: Vouch,
    row: Database,
    offer: Mapping[str, object],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    check_second(first, row, "choose", actor.id, now)
    if first.risk != risk_of(offer):
        raise Conflict(
            f"{first.requested_by} agreed to something else than what is known now.",
            kept="Nothing was changed.",
            todo="Let it run out, and say it anew.",
        )
    use_word(first, actor=actor, reason=reason, now=now)


def _write(
    running: Failover,
    offer: Mapping[str, object],
    people: list[str],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Failover:
    """Into the row, as a plan's word is: the cycle reads it with its next look."""
    digest = str(offer["digest"])
    word = {
        "replica": offer["replica"],
        "people": people,
        "waives": offer["rules"],
        "behind": offer["behind"],
        "seconds": offer["seconds"],
        "digest": digest,
        "until": (now + LIFE).isoformat(),
    }
    said = f"{' and '.join(people)} promote {offer['name']}"
    if len(people) == 1:
        said = f"{people[0]} promotes {offer['name']}"
    tell(running, "chosen", said, why=f"{offer['quote']} {reason}", actor=actor, now=now)
    return transitions.amend(
        running,
        {
            "act": f"{WORD}{running.number}/{digest[:32]}/{now.isoformat()}",
            "authority": word,
            "waiting_for": "",
        },
        action="promoted on a person's word",
        actor=actor,
        reason=reason,
        now=now,
    )
