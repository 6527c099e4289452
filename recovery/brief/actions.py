"""The only writer of decisions and of what providers said.

Invariants: a decision is about a datacenter that looks lost, and holds, byte for byte, what stood
when it was decided; when anything that it rests on (`canon.glance`) is not as its person saw it, it
is refused and says what. Both kinds of rows are never changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.backups.words import instant
from recovery.brief.canon import canonical, changes, digest, document, glance, unlike
from recovery.brief.facts import Cause, Choice
from recovery.brief.models import Decision, ProviderWord
from recovery.brief.parts import Brief
from recovery.brief.queries import fleet_at, incident_of
from recovery.core import transitions
from recovery.core.errors import Conflict, Missing, Refused
from recovery.incidents import actions as incidents
from recovery.inventory.models import Datacenter

LONGEST_WAIT = timedelta(days=7)
REVIEW = "brief-review"


class Changed(Conflict):
    """What was shown is not so any more. `differences`: a sentence each."""

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__(
            f"What you saw has changed meanwhile: {'; '.join(differences)}.",
            kept="Nothing was decided.",
            todo="Read what is new, then decide.",
        )
        self.differences = differences


def decide_on(
    *,
    datacenter: str,
    choice: Choice,
    seen: str,
    until: datetime | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Decision:
    """Freeze what this person decided. `seen`: the canonical JSON that they were shown, its digest,
    or the seal of its glance."""
    _check(choice, until, reason, now)
    with transaction.atomic():
        site = Datacenter.objects.select_for_update(no_key=True).filter(name=datacenter).first()
        if site is None:
            raise Missing(f"There is no datacenter {datacenter}.", field="datacenter")
        brief = fleet_at(now).brief(site.name)
        if not brief.is_lost:
            raise Refused(f"There is nothing to decide about {site}. {brief.sentence}")
        text = canonical(document(brief))
        if found := _differences(seen, text):
            raise Changed(found)
        if choice is Choice.ACTIVATE:
            _check_first(brief)
        return _frozen(site, brief, choice, text, until, actor=actor, reason=reason, now=now)


def _check_first(brief: Brief) -> None:
    """One decision to recover is enough: a run follows one."""
    last = brief.decided
    if last is not None and last.choice is Choice.ACTIVATE:
        raise Conflict(
            f"{last.by} decided so already: DEC-{last.number:04d}.", todo="Go on with that one."
        )


def _differences(seen: str, text: str) -> tuple[str, ...]:
    """In what a decision rests on; nothing where what differs is only how it was written, or how
    long it has lasted. Who sent a seal alone is told which parts are others."""
    parts = glance(text)
    if seen in (text, digest(text)):
        return ()
    if len(seen) == len(digest("")):
        return tuple(f"{name}: another one now" for name in unlike(seen, parts))
    before = glance(seen)
    if not before:
        return changes(seen, text)
    return changes(canonical(before), canonical(parts)) if before != parts else ()


def _check(choice: Choice, until: datetime | None, reason: str, now: datetime) -> None:
    if not reason.strip():
        raise Refused("Say why: the log keeps it.", field="reason")
    if choice is Choice.ACTIVATE:
        if until is not None:
            raise Refused("Who activates does not wait until anything.", field="until")
        return
    if until is None:
        raise Refused("Say until when: then somebody looks again.", field="until")
    if until <= now:
        raise Refused(f"{instant(until, now)} is past.", field="until", todo="Name a time to come.")
    if until > now + LONGEST_WAIT:
        raise Refused("Nobody waits for longer than a week without looking.", field="until")


def _frozen(
    site: Datacenter,
    brief: Brief,
    choice: Choice,
    text: str,
    until: datetime | None,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Decision:
    """The row, its entry, and a line in the story of the loss. Who decides has it, if nobody had:
    nobody has to take it first."""
    incident = incident_of(brief.incident)
    row = Decision(
        number=_next_number(),
        datacenter=site,
        incident=incident,
        choice=str(choice),
        until=until,
        reason=reason.strip(),
        by=actor.id,
        at=now,
        shown=text,
        digest=digest(text),
    )
    transitions.create([row], actor=actor, reason=reason, now=now)
    if incident is not None:
        if incidents.hold_whole(incident).acknowledged_at is None:
            alarms.acknowledge_incident(incident=incident, actor=actor, reason=reason, now=now)
        what = f"to wait for {site} until {instant(until, now)}" if until else f"to recover {site}"
        incidents.tell(
            incident=incident,
            kind="decided",
            said=f"{actor.id} decided {what}",
            why=reason,
            happened_at=now,
            actor=actor,
            now=now,
        )
    return row


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('decision_number')")
        (number,) = cursor.fetchone()
    return int(number)


def note_word(
    *,
    datacenter: str,
    said: str,
    source: str,
    said_at: datetime,
    until: datetime | None,
    cause: Cause = Cause.UNSAID,
    actor: Actor,
    now: datetime,
) -> ProviderWord:
    """What the provider, or somebody on site, said: by whom and when is part of it."""
    site = Datacenter.objects.filter(name=datacenter).first()
    if site is None:
        raise Missing(f"There is no datacenter {datacenter}.", field="datacenter")
    if not said.strip():
        raise Refused("Write what was said.", field="said")
    if not source.strip():
        raise Refused("Say who said so: a name, a status page.", field="source")
    if said_at > now:
        raise Refused(f"{instant(said_at, now)} is yet to come.", field="said_at")
    if until is not None and until <= said_at:
        raise Refused("What it expects lies before it said so.", field="until")
    row = ProviderWord(
        datacenter=site,
        cause=str(cause),
        said=said.strip(),
        source=source.strip()[:120],
        said_at=said_at,
        until=until,
        by=actor.id,
        at=now,
    )
    with transaction.atomic():
        transitions.create([row], actor=actor, reason=said.strip(), now=now)
    return row


def ring_review(*, decision: Decision, actor: Actor, now: datetime) -> None:
    """Its time is over: somebody has to look again."""
    assert decision.until is not None, "it is one to wait"
    alarms.raise_alarm(
        key=f"{REVIEW}:{decision.pk}",
        severity=Severity.PAGE,
        title=f"{decision.datacenter} is still lost: decide again",
        body=f"{decision.by} decided to wait until {instant(decision.until)}: {decision.reason}",
        incident=decision.incident,
        actor=actor,
        reason=f"The review of {decision} is due.",
        now=now,
    )


def end_reviews(*, keys: list[str], actor: Actor, now: datetime) -> None:
    """Somebody decided again, or the datacenter is not lost any more."""
    alarms.end_alarms(
        keys=keys,
        actor=actor,
        reason="It was decided again, or the datacenter answers.",
        now=now,
    )
