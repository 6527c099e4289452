"""What people answer to a question, and who may answer for them.

Invariants: the same rules refuse before anything is written that will refuse when it is weighed; a
yes is proven when it is given and again whenever something rests on it; break-glass names each rule
and tells everyone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from recovery.alarms.actions import raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import incarnations, transitions
from recovery.core.consent import Assertion
from recovery.core.errors import Conflict, Forbidden, Refused
from recovery.drp import queries
from recovery.drp.approvals.facts import AskState, Question, Rule
from recovery.drp.approvals.proofs import (
    pins,
    seal_code,
    unproven,
    unsigned,
    write_assertion,
)
from recovery.drp.approvals.rules import refuse_answer, refuse_person
from recovery.drp.facts import Factor
from recovery.drp.models import Approval, Ask, BreakGlass
from recovery.drp.plan import Plan
from recovery.drp.queries.approvals import (
    glass_alarm,
    glass_word,
    plan_of,
    pulse_of,
    question_of,
    word_of,
)
from recovery.drp.queries.seeing import refuse_unseen


@dataclass(frozen=True, slots=True)
class Answer:
    """`assertion`: of a passkey; None with a yes: a code was looked at and is right."""

    is_yes: bool
    assertion: Assertion | None = None
    principal: str = ""


def answer(
    *,
    ask: UUID,
    answer: Answer,
    unwatched: str = "",
    actor: Actor,
    reason: str,
    now: datetime,
) -> Approval:
    """Kept for good. `Refused` where it would not count; `Conflict` where it was said already, or
    nobody sees what it is about. `unwatched`: why no controller looks, if none does."""
    with transaction.atomic():
        row = _open(ask)
        run = row.step.run
        question = question_of(run, plan_of(run), row.step, row)
        principal = answer.principal or actor.id
        rights = queries.people_of().counted(actor.id, principal, pins())
        if why := refuse_answer(actor.id, principal, rights, question):
            is_theirs = why == refuse_person(actor.id, principal, rights, question)
            kind = Forbidden if is_theirs else Refused
            raise kind(why, kept="Nothing was written.")
        if answer.is_yes:
            check_seen(plan_of(run), unwatched)
        factor, proof = _proof(row, question, answer, actor)
        current = incarnations.newest()
        said = Approval(
            ask=row,
            approver=actor.id,
            principal=principal,
            requester=run.requested_by,
            editor=run.last_editor,
            digest=run.digest,
            is_yes=answer.is_yes,
            reason=reason,
            factor=factor,
            proof=proof,
            given_at=queries.database_now(),
            pulse=pulse_of(run),
            incarnation=current.number if current else 0,
            broke=BreakGlass.objects.filter(ask=row, by=actor.id).first(),
        )
        return _kept(said, actor=actor, reason=reason, now=now)


def check_seen(plan: Plan, unwatched: str = "") -> None:
    """`Conflict` where a yes would rest on what nobody sees; a no waits for nothing."""
    if why := refuse_unseen(plan, unwatched=unwatched):
        raise Conflict(
            why,
            kept="Your yes was not taken; the question stays open.",
            todo="Try again in some seconds, once that is over, or say no.",
        )


def _kept(said: Approval, *, actor: Actor, reason: str, now: datetime) -> Approval:
    try:
        with transaction.atomic():
            return transitions.create([said], actor=actor, reason=reason or "Yes.", now=now)[0]
    except IntegrityError as error:
        if "one_word_per" not in str(error):
            raise Refused(str(error).split("\n", maxsplit=1)[0]) from error
        raise Conflict("That was answered already, by you or with your right.") from error


def _open(ask: UUID) -> Ask:
    row = Ask.objects.select_for_update(of=("self",)).select_related("step__run").get(pk=ask)
    if row.state != AskState.OPEN or row.round != row.step.round:
        raise Conflict(f"That question is over ({row.state}).", todo="Look at the run again.")
    return row


def _proof(row: Ask, question: Question, answer: Answer, actor: Actor) -> tuple[Factor, str]:
    word = word_of(question, row, actor.id)
    if not answer.is_yes:
        return Factor.PASSKEY, ""
    if answer.assertion is None:
        if question.by_passkey:
            raise Refused("This step is dangerous or cannot be taken back: it takes a passkey.")
        return Factor.TOTP, seal_code(word)
    proof = write_assertion(answer.assertion)
    if why := unproven(Factor.PASSKEY, proof, word, pins()):
        raise Refused(why, kept="Nothing was written.")
    return Factor.PASSKEY, proof


def break_glass(
    *,
    ask: UUID,
    rules: Collection[Rule],
    assertion: Assertion,
    actor: Actor,
    reason: str,
    now: datetime,
) -> BreakGlass:
    """Each rule by its name, once a question, signed (`glass_word` of `glass_to_break`); everybody
    is told before anything follows from it. It serves whoever breaks it, in their own yes."""
    with transaction.atomic():
        row = _open(ask)
        broken = glass_to_break(row, rules=rules, actor=actor, reason=reason)
        word = glass_word(row.step.run, row.step, row, broken)
        broken.proof = write_assertion(assertion)
        if why := unsigned(broken.proof, word, pins()):
            raise Refused(why, kept="Nothing was written.")
        transitions.create([broken], actor=actor, reason=reason, now=now)
        alarm = raise_alarm(
            key=glass_alarm(row),
            severity=Severity.PAGE,
            title=str(broken),
            body=reason,
            incident=None,
            actor=actor,
            reason=reason,
            now=now,
        )
        if (alarm.title, alarm.body) != (str(broken)[:300], reason):
            raise Conflict("An alarm of that name rings already, about something else.")
        return broken


def glass_to_break(row: Ask, *, rules: Collection[Rule], actor: Actor, reason: str) -> BreakGlass:
    """As it would be written, unsigned. `Refused` says why this person does not break it."""
    if not rules or not reason.strip():
        raise Refused("Breaking glass takes the rules by name, and a reason.")
    if "admin" not in queries.people_of().counted(actor.id, actor.id, pins()):
        raise Forbidden("That takes the role admin.")
    if BreakGlass.objects.filter(ask=row).exists():
        raise Conflict("Somebody broke glass for this already.")
    names = sorted(str(rule) for rule in rules)
    return BreakGlass(ask=row, by=actor.id, rules=names, reason=reason, at=queries.database_now())
