"""What pages and API do about a lost datacenter: call the room's action, say what came of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.backups.words import instant
from recovery.brief import actions
from recovery.brief.facts import Cause, Choice
from recovery.brief.models import Decision
from recovery.core import clock
from recovery.detection import actions as detection


def decide(
    site: str, choice: Choice, *, seen: str, until: datetime | None, actor: Actor, reason: str
) -> Decision:
    """Freeze it with what was shown."""
    return actions.decide_on(
        datacenter=site,
        choice=choice,
        seen=seen,
        until=until,
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )


def said_of(made: Decision) -> str:
    """What came of it, in a sentence."""
    kept = f"{made} keeps what you saw, sha256 {made.digest[:16]}."
    if made.until is None:
        return (
            f"You decided to recover {made.datacenter}. {kept} Nothing moves yet: its runbook is"
            " started with this decision, and a second person approves."
        )
    until = instant(made.until, made.at)
    return f"You decided to wait for {made.datacenter} until {until}; then it rings. {kept}"


def vouch(site: str, *, first: UUID | None, typed: str, actor: Actor, reason: str) -> str:
    """That it is lost: the first word, or the second one to the word of this id."""
    now = clock.system.now()
    if first is None:
        detection.ask_vouch(datacenter=site, typed=typed, actor=actor, reason=reason, now=now)
        return "Your word stands in the log. Nothing follows before a second person gives theirs."
    detection.give_vouch(
        pk=first, datacenter=site, typed=typed, actor=actor, reason=reason, now=now
    )
    return (
        f"Two people vouch that {site} is lost: none of its hosts is expected any more. Where that"
        " was all that made Tocsin blind, it judges again within seconds."
    )


def withdraw_vouch(site: str, *, actor: Actor, reason: str) -> str:
    """It is expected to be heard again."""
    now = clock.system.now()
    detection.withdraw_vouch(datacenter=site, actor=actor, reason=reason, now=now)
    return f"{site} counts by what is heard of it again."


def note_word(
    site: str,
    *,
    said: str,
    source: str,
    said_at: datetime,
    until: datetime | None,
    cause: Cause,
    actor: Actor,
) -> str:
    """What the provider said."""
    row = actions.note_word(
        datacenter=site,
        said=said,
        source=source,
        said_at=said_at,
        until=until,
        cause=cause,
        actor=actor,
        now=clock.system.now(),
    )
    return f"Noted: {row}."
