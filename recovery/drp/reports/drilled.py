"""What a report says of a drill's own hosts: what was begun, what stood, what was seen gone. Pure.

Invariants: what was begun is counted once, and each of it is removed or not, seen gone or not; no
figure of a drill is taken for one that users of production saw.
"""

from __future__ import annotations

from recovery.drp.drills.facts import NOT_PROVEN
from recovery.drp.reports import document as doc
from recovery.drp.reports.facts import DrillFacts, Facts, TargetFact, ThingFact
from recovery.drp.reports.parts import Row, Section, when
from recovery.drp.reports.words import NOT_KNOWN, clock, lasting, span


def drilled(facts: DrillFacts | None) -> doc.Drill | None:
    """None of what is no drill."""
    if facts is None:
        return None
    things = tuple(_thing(one) for one in facts.things)
    return doc.Drill(
        hosts=facts.hosts,
        begun=len(things),
        removed=sum(one.removed_at is not None for one in things),
        gone=sum(one.gone_at is not None for one in things),
        gone_at=max((one.gone_at for one in things if one.gone_at), default=None),
        things=things,
    )


def _thing(one: ThingFact) -> doc.DrillThing:
    return doc.DrillThing(
        kind=one.kind,
        name=one.name,
        target=one.target,
        host=one.host,
        said=one.said,
        begun_at=one.begun_at,
        stood_at=one.stood_at,
        removed_at=one.removed_at,
        gone_at=one.gone_at,
        evidence=one.gone_said or one.unproven,
        size=one.size,
        seconds=one.seconds,
        speed=one.speed,
        recoverable_to=one.recoverable_to,
        canary=one.canary,
    )


def proof(drill: doc.Drill) -> str:
    """One sentence for whoever asks whether anything is left."""
    if not drill.begun:
        return "Nothing was begun on drill hosts, so there was nothing to remove."
    counted = f"Begun {drill.begun}, removed {drill.removed}, seen gone {drill.gone}"
    if drill.gone == drill.begun:
        return f"{counted} at {when(drill.gone_at)}."
    said = (one.evidence for one in drill.things if not one.gone_at)
    lost = dict.fromkeys(one for one in said if one.startswith(NOT_PROVEN))
    return f"{counted}: {'; '.join(lost) or 'the clean-up is not proven'}."


def stood(one: TargetFact, facts: Facts) -> ThingFact | None:
    """What stood for this target in the drill, if anything did."""
    things = facts.drill.things if facts.drill else ()
    return next((each for each in things if each.key == one.key and each.stood_at), None)


def section(drill: doc.Drill | None) -> Section | None:
    """For page and PDF."""
    if drill is None:
        return None
    hosts = ", ".join(drill.hosts) or "none"
    return Section(
        "The drill's target and its clean-up",
        f"drill hosts: {hosts}. {proof(drill)}",
        columns=("What", "On", "Begun", "Stood after", "Measured", "Seen gone", "By whom"),
        rows=tuple(_row(one) for one in drill.things),
        empty="Nothing was begun on drill hosts.",
    )


def _row(one: doc.DrillThing) -> Row:
    after = lasting(span(one.begun_at, one.stood_at)) if one.stood_at else one.said or "never"
    cells = (
        f"{one.target}, {one.kind} {one.name}",
        one.host,
        clock(one.begun_at),
        "–" if one.kind == "volume" else after,
        _measured(one),
        when(one.gone_at) if one.gone_at else "not yet",
        one.evidence or ("it still stands" if one.removed_at is None else NOT_KNOWN),
    )
    return Row(cells, "" if one.gone_at else "unknown")


def _measured(one: doc.DrillThing) -> str:
    if one.size is None or one.speed is None:
        return "–"
    said = f"{one.size / 1e6:.1f} MB, {one.speed / 1e6:.1f} MB/s"
    said += f", recoverable to {when(one.recoverable_to)}"
    return said + (f", canary of {clock(one.canary)}" if one.canary else ", no canary")
