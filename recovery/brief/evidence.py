"""Whose failure is it? Five answers, each with what speaks for it, against it, and what is missing.

Invariant: silence alone never tells a dead datacenter from an unreachable one; until somebody who
can see it says so, both stay possible, and both say what is missing. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.backups.words import counted, instant
from recovery.brief.facts import Cause, Facts, SiteFact
from recovery.brief.parts import Hypothesis, Suspicion
from recovery.inventory.facts import Verdict

GONE = (Verdict.LOST, Verdict.HUNG)
SEEN = (Verdict.ISOLATED, Verdict.AGENT_DOWN)
UNLOCKS = {
    Suspicion.GONE: ("start the recovery plan, by two people",),
    Suspicion.CUT: ("prepare the recovery plan", "wait for the line"),
    Suspicion.PARTITION: (),
    Suspicion.PROVIDER: ("prepare the recovery plan",),
    Suspicion.BLIND: (),
}
LOCKS = {
    Suspicion.GONE: ("replace its containers without a person",),
    Suspicion.CUT: (
        "replace its containers without a person",
        "promote anything there is no proof of fencing for",
    ),
    Suspicion.PARTITION: ("replace its containers", "fail over across the cut"),
    Suspicion.PROVIDER: ("count on another datacenter of the same provider",),
    Suspicion.BLIND: ("do anything by itself",),
}
UNSAID = "nobody who can see the site, nor the provider, has said what happened"


def hypotheses(facts: Facts) -> tuple[Hypothesis, ...]:
    """The likeliest first. While we are blind that comes first, and nothing else is believed."""
    found = (_gone(facts), _cut(facts), _partition(facts), _provider(facts), _blind(facts))
    order = tuple(Suspicion)
    return tuple(sorted(found, key=lambda one: (-one.score, order.index(one.suspicion))))


@dataclass(frozen=True, slots=True)
class _Signs:
    """What speaks for an answer, against it, and what is missing."""

    supporting: list[str]
    opposing: list[str]
    missing: list[str]


def _made(suspicion: Suspicion, question: str, weight: float, signs: _Signs) -> Hypothesis:
    """`weight` from 0 to 1; each missing fact takes a tenth of it away."""
    score = weight * 0.9 ** len(signs.missing)
    return Hypothesis(
        suspicion,
        question,
        round(100 * max(0.0, min(1.0, score))),
        tuple(signs.supporting),
        tuple(signs.opposing),
        tuple(signs.missing),
        UNLOCKS[suspicion],
        LOCKS[suspicion],
    )


def _if_seeing(facts: Facts, weight: float) -> float:
    """Who is blind believes next to nothing of what it sees."""
    return 0.1 * weight if _is_blind(facts) else weight


def _is_blind(facts: Facts) -> bool:
    """A sign of blindness is older than what arrives now: who hears a host elsewhere is not."""
    return bool(facts.blind) and not facts.spoke


def _silent(site: SiteFact) -> list[str]:
    """What observers elsewhere found."""
    gone = site.count(*GONE)
    if not gone:
        return []
    seen_by = [host for host in site.hosts if host.verdict in GONE and host.witnesses]
    said = [f"{gone} of {counted(len(site.hosts), 'host')} are lost or hang"]
    if seen_by:
        said.append(f"observers in other failure domains confirm {len(seen_by)} of them")
    return said


def _told(facts: Facts, cause: Cause) -> list[str]:
    word = facts.word
    if word is None or word.cause is not cause:
        return []
    return [f"{word.source} said so at {instant(word.said_at)}: {word.said}"]


def _unsaid(facts: Facts) -> list[str]:
    word = facts.word
    return [UNSAID] if word is None or word.cause is Cause.UNSAID else []


def _untold(site: SiteFact) -> list[str]:
    unknown = site.count(Verdict.UNKNOWN)
    return [f"a verdict on {counted(unknown, 'host')}"] if unknown else []


def _alive(site: SiteFact) -> list[str]:
    said = []
    if seen := site.count(*SEEN):
        said.append(f"{counted(seen, 'host')} {'is' if seen == 1 else 'are'} seen alive by peers")
    if site.heard:
        said.append(
            f"{counted(site.heard, 'host')} still {'speaks' if site.heard == 1 else 'speak'} to us"
        )
    return said


def _gone(facts: Facts) -> Hypothesis:
    site = facts.site
    supporting = _silent(site) + _told(facts, Cause.GONE)
    supporting += [f"its store {name} cannot be read either" for name in facts.silent_stores]
    opposing = _alive(site) + _told(facts, Cause.CUT)
    opposing += [f"its store {name} answers" for name in facts.answering_stores]
    share = site.count(*GONE, Verdict.UNKNOWN) / max(1, len(site.hosts))
    weight = share * (0.95 if _told(facts, Cause.GONE) else 0.6)
    weight *= 0.2 if _told(facts, Cause.CUT) else 1.0
    weight *= 0.5 ** len(facts.answering_stores)
    missing = _unsaid(facts) + _untold(site)
    question = f"Is {site.name} gone or without power?"
    return _made(
        Suspicion.GONE, question, _if_seeing(facts, weight), _Signs(supporting, opposing, missing)
    )


def _cut(facts: Facts) -> Hypothesis:
    site = facts.site
    supporting = _told(facts, Cause.CUT)
    supporting += [f"its store {name} answers" for name in facts.answering_stores]
    if _fell_together(site):
        supporting.append("its hosts fell silent together, as they do when a line is cut")
    opposing = _told(facts, Cause.GONE)
    places = sum(1 for other in facts.others if other.heard)
    if site.count(*GONE) and places > 1:
        opposing.append(
            f"{places} other datacenters meet the same silence, over lines of their own"
        )
    share = site.count(*GONE, Verdict.UNKNOWN) / max(1, len(site.hosts))
    weight = share * (0.95 if _told(facts, Cause.CUT) else 0.5)
    weight *= 0.1 if _told(facts, Cause.GONE) else 1.0
    missing = _unsaid(facts) + _untold(site)
    question = f"Is {site.name} alive and unreachable?"
    return _made(
        Suspicion.CUT, question, _if_seeing(facts, weight), _Signs(supporting, opposing, missing)
    )


def _fell_together(site: SiteFact) -> bool:
    """Within ten seconds of each other."""
    since = [host.since for host in site.hosts if host.since and host.verdict in GONE]
    return len(since) > 1 and (max(since) - min(since)).total_seconds() <= 10


def _partition(facts: Facts) -> Hypothesis:
    site = facts.site
    seen = site.count(*SEEN)
    supporting = [f"{seen} silent to us and seen by peers"] if seen else []
    gone = site.count(*GONE)
    opposing = [f"{gone} silent to peers in other datacenters too"] if gone else []
    missing = _untold(site)
    return _made(
        Suspicion.PARTITION,
        "Are only we cut off from it?",
        _if_seeing(facts, seen / max(1, len(site.hosts))),
        _Signs(supporting, opposing, missing),
    )


def _provider(facts: Facts) -> Hypothesis:
    """More than one datacenter at once."""
    down = [one.name for one in facts.others if one.hosts and not one.heard]
    up = [one.name for one in facts.others if one.heard]
    supporting = (
        [f"{', '.join(down)} {'is' if len(down) == 1 else 'are'} silent too"] if down else []
    )
    opposing = [f"{', '.join(up)} {'answers' if len(up) == 1 else 'answer'}"] if up else []
    missing = [] if facts.others else ["there is no other datacenter to compare with"]
    weight = 0.9 * len(down) / max(1, len(facts.others))
    question = "Is it all of the provider?"
    return _made(
        Suspicion.PROVIDER,
        question,
        _if_seeing(facts, weight),
        _Signs(supporting, opposing, missing),
    )


def _blind(facts: Facts) -> Hypothesis:
    heard = sum(one.heard for one in facts.others)
    known = sum(len(one.hosts) for one in facts.others)
    is_blind = _is_blind(facts)
    supporting = [facts.blind] if facts.blind else []
    opposing = [f"{heard} of {counted(known, 'host')} elsewhere are heard"] if heard else []
    if facts.spoke:
        spoke = f"{counted(facts.spoke, 'host')} elsewhere told of its databases a moment ago"
        opposing.append(f"{spoke}: what was a sign before is over" if facts.blind else spoke)
    missing = [] if known or is_blind else ["there is nobody else to hear"]
    weight = 1.0 if is_blind else 0.3 * (1 - heard / known) if known else 0.5
    return _made(
        Suspicion.BLIND,
        "Is it Tocsin that is blind?",
        weight,
        _Signs(supporting, opposing, missing),
    )
