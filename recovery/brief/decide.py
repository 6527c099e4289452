"""The brief of one datacenter: what it means to give it up now, and what it means to wait. Pure.

Invariants: each of its databases has one line, stands in one bin, and in one wave or among those
that stay down; what is unknown is said to be, and is never counted as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from recovery.backups.words import counted, instant, joined
from recovery.brief import evidence, promises, waves
from recovery.brief.facts import Cause, Facts, FitFact, SiteFact, Unseen, Way
from recovery.brief.losses import bins, losses, say
from recovery.brief.parts import Activation, Brief, Look, Loss, Waiting

DEAD = "It does not grow: nobody writes there."
CUT_OFF = "If it lives and is cut off, writes go on there: the loss grows."
"""Our writer's silence tells the one from the other as little as the hosts' does."""

CALM = frozenset({Look.FINE, Look.UNSEEN})
"""Whose failure it is, nobody asks."""


def look_of(site: SiteFact) -> Look:
    """Lost: more than half of its hosts are given up. One without hosts can't be lost."""
    gone = len(site.hosts) - site.heard
    if not gone:
        return Look.FINE
    return Look.LOST if 2 * gone > len(site.hosts) else Look.HURT


def brief_of(facts: Facts) -> Brief:
    """Everything about it, as of these facts."""
    look = look_of(facts.site)
    if facts.unseen is not None and look is not Look.LOST:
        look = Look.UNSEEN
    activate = _activation(facts)
    return Brief(
        site=facts.site.name,
        look=look,
        hosts=len(facts.site.hosts),
        gone=len(facts.site.hosts) - facts.site.heard,
        lost_at=facts.lost_at,
        incident=facts.incident,
        sentence=_sentence(facts, look, activate),
        after=_after(facts, look, activate),
        hypotheses=evidence.hypotheses(facts) if look not in CALM else (),
        activate=activate,
        wait=_waiting(facts, look),
        decided=facts.decided,
        unseen=facts.unseen,
    )


def _activation(facts: Facts) -> Activation:
    found = losses(facts.databases)
    made = waves.waves(found, facts.fit, facts.past)
    seconds, is_floor = waves.total(made)
    left = [one.database for one in found if one.way in (Way.NONE, Way.UNKNOWN)]
    return Activation(
        losses=found,
        bins=bins(found),
        untouched=facts.elsewhere,
        fit=facts.fit,
        waves=made,
        left=tuple(left),
        seconds=seconds,
        is_floor=is_floor,
        ground=waves.ground(facts.past),
        irreversible=_irreversible(facts.site.name, found, facts.fit),
    )


def _irreversible(site: str, found: Sequence[Loss], fit: FitFact | None) -> tuple[str, ...]:
    promoted = tuple(one.database for one in found if one.way is Way.PROMOTE)
    restored = tuple(one.database for one in found if one.way is Way.RESTORE)
    said = []
    if promoted:
        said.append(
            f"Once {joined(promoted)} {'leads' if len(promoted) == 1 else 'lead'} elsewhere, what"
            f" only {site} has is set apart; the way back is a planned switchover, not an undo."
        )
    if restored:
        said.append(
            f"{counted(len(restored), 'database')} {'begins' if len(restored) == 1 else 'begin'}"
            f" again at an older moment: what was written after it stays in {site} alone."
        )
    if fit is not None and fit.moved:
        said.append(
            f"{counted(fit.moved, 'container')} can be moved back at any time: nothing of that is"
            " final."
        )
    return tuple(said)


def _waiting(facts: Facts, look: Look) -> Waiting:
    stops = facts.fit.stops if facts.fit else ()
    bases = [one.service for one in facts.databases if one.service is not None]
    out = {one.name for one in facts.databases if look in CALM or one.is_written is not True}
    since = facts.lost_at if look is Look.LOST else None
    found = promises.breaches(facts.services, stops, since)
    found = promises.ranked((*found, *promises.breaches(bases, out, since)))
    writing = sum(one.is_written is True for one in facts.databases)
    unseen = sum(one.is_written is None for one in facts.databases)
    return Waiting(
        burns=promises.burns(found, (*facts.services, *bases)),
        breaches=found,
        growth=_growth(facts, look, writing, unseen),
        writing=writing,
        unseen=unseen,
        word=facts.word,
    )


def _growth(facts: Facts, look: Look, writing: int, unseen: int) -> str:
    if not facts.databases:
        return "No database is written there."
    if look is not Look.LOST:
        return "It grows with every second until what is written is elsewhere too."
    parts = []
    if writing:
        verb = "acknowledges" if writing == 1 else "acknowledge"
        parts.append(f"{counted(writing, 'database')} there still {verb} writes: it grows by them.")
    if unseen:
        parts.append(f"Of {counted(unseen, 'database')} nobody knows whether they are written.")
    if not parts:
        is_gone = facts.word is not None and facts.word.cause is Cause.GONE
        parts.append(DEAD if is_gone else CUT_OFF)
    return " ".join(parts)


def _sentence(facts: Facts, look: Look, activate: Activation) -> str:
    site, size = facts.site.name, len(facts.site.hosts)
    gone = size - facts.site.heard
    if look is Look.UNSEEN:
        return f"Tocsin does not see: whether {site} answers is not known."
    if look is Look.FINE:
        return f"{site} answers: {_all(size)}." if size else f"{site} has no host."
    if look is Look.HURT:
        return f"{site} is hurt: {gone} of its {size} hosts are gone."
    which = _all(size) if gone == size else f"{gone} of its {size} hosts"
    return f"{site} looks lost: {which} {'is' if gone == 1 else 'are'} silent."


def _all(hosts: int) -> str:
    return {1: "its one host", 2: "both its hosts"}.get(hosts, f"all its {hosts} hosts")


def _after(facts: Facts, look: Look, activate: Activation) -> str:
    """What giving it up would mean, in a sentence or two."""
    fit, said = facts.fit, []
    if facts.unseen is not None:
        said += [
            unseen_words(facts.site.name, facts.unseen),
            "All else is as it was last recorded.",
        ]
    lead = "Given up now" if look is Look.LOST else "If it vanished now"
    if facts.databases:
        many = counted(len(facts.databases), "database")
        verb = " loses" if len(facts.databases) == 1 else " lose"
        is_known = any(one.lost is not None for one in activate.losses)
        said.append(f"{lead}, {many}{verb if is_known else ':'} {say(activate.losses)}.")
    else:
        said.append(f"{lead}, no database would be lost: none is written there.")
    said.append(_fits(fit))
    if look is Look.LOST and facts.lost_at:
        said.append(f"Silent since {instant(facts.lost_at)}.")
    return " ".join(one for one in said if one)


def unseen_words(site: str, seen: Unseen) -> str:
    """What its agents' own words say of this datacenter, while verdicts stand still."""
    since = f" since {instant(seen.since)}" if seen.since else ""
    return f"Tocsin does not see{since}: {seen.why} {_silence(site, seen)}".strip()


def _silence(site: str, seen: Unseen) -> str:
    silent, size = len(seen.silent), seen.hosts
    if not size:
        return ""
    whole = {1: f"the one host of {site}", 2: f"both hosts of {site}"}
    every = whole.get(size, f"all {size} hosts of {site}")
    if not silent:
        return f"Its agents told of themselves a moment ago: {every}."
    last = f"; the last word came at {instant(seen.last)}" if seen.last else ""
    if silent == size:
        return f"Nothing is heard now of {every}{last}."
    verb = "is" if silent == 1 else "are"
    return f"{silent} of {size} hosts of {site} {verb} not heard now{last}: {joined(seen.silent)}."


def _fits(fit: FitFact | None) -> str:
    if fit is None:
        return "Whether its containers fit elsewhere is not known."
    if not fit.containers:
        return ""
    if fit.beside:
        own = fit.containers - fit.beside
        return (
            f"{fit.moved} of {counted(fit.containers, 'container')} fit elsewhere: {own} of its"
            f" own, {fit.beside} of other losses."
        )
    if fit.moved < fit.containers:
        return f"{fit.moved} of its {counted(fit.containers, 'container')} fit elsewhere."
    if fit.containers == 1:
        return "Its one container fits elsewhere."
    return f"All its {fit.containers} containers fit elsewhere."
