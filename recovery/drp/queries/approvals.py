"""What people said to a question, and what rests on it: rows → facts, each proof looked at anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from recovery.alarms.models import Alarm
from recovery.audit.models import AuditEntry
from recovery.core import incarnations
from recovery.core.consent import GlassWord, Word
from recovery.core.mandate import Glass, Mandate, Yes, refuse_mandate
from recovery.drp.approvals.facts import Question, Rule, Said
from recovery.drp.approvals.proofs import party, pins, read_assertion, unproven, unsigned
from recovery.drp.approvals.rules import weigh
from recovery.drp.decide import need_of
from recovery.drp.facts import Factor
from recovery.drp.models import Approval, ApprovalUse, Ask, BreakGlass, Run, RunPulse, RunStep
from recovery.drp.plan import Plan, read_plan
from recovery.drp.planning.answering import question_about
from recovery.drp.queries.people import People, people_of


def plan_of(run: Run) -> Plan:
    """`Refused` where its bytes are not those of its digest."""
    return read_plan(run.plan.encode(), run.digest)


def pulse_of(run: Run) -> float:
    """Seconds that leaders have counted since it was prepared."""
    return RunPulse.objects.filter(run=run).values_list("seconds", flat=True).first() or 0.0


def question_of(run: Run, plan: Plan, row: RunStep, ask: Ask) -> Question:
    """Under the policy of the plan, and of the step's kind."""
    planned = plan.step(row.name)
    broken = _broken(run, row, ask)
    current = incarnations.newest()
    return replace(
        question_about(plan, planned),
        ask=str(ask.pk),
        digest=run.digest,
        run=str(run.pk),
        incarnation=current.number if current else 0,
        broken=frozenset(rule for rule in Rule if broken and rule in broken.rules),
        broken_by=broken.by if broken else "",
        mismatch=_mismatch(run, plan),
    )


def _mismatch(run: Run, plan: Plan) -> str:
    """Whose approval counts for nothing stands in what is signed: rows that say otherwise lie."""
    if not plan.requester or not plan.last_editor:
        return "Its plan does not say who asked for it and who wrote it: abort, and plan anew."
    for word, signed, told in (
        ("asked for it", plan.requester, run.requested_by),
        ("wrote it", plan.last_editor, run.last_editor),
        ("wrote it", plan.last_editor, run.runbook.written_by),
    ):
        if signed != told:
            return f"The plan says that {signed} {word}, and the rows that {told} did."
    return ""


def glass_word(run: Run, row: RunStep, ask: Ask, broken: BreakGlass) -> GlassWord:
    """What whoever breaks glass signs."""
    rules = tuple(sorted(str(rule) for rule in broken.rules))
    return GlassWord(run.digest, str(run.pk), row.name, broken.by, ask.nonce, rules, broken.reason)


def glass_alarm(ask: Ask) -> str:
    """The key of the alarm that tells everybody."""
    return f"break-glass:{ask.pk}"


def ends_of(asks: Collection[UUID]) -> Mapping[str, datetime]:
    """When each of these questions was over, by its id; none of one that is open."""
    ids = [str(pk) for pk in asks]
    rows = AuditEntry.objects.filter(object_type=Ask.TYPE, object_id__in=ids, object_version__gt=1)
    return {row.object_id: row.recorded_at for row in rows.order_by("object_version")}


def _broken(run: Run, row: RunStep, ask: Ask) -> BreakGlass | None:
    """Glass that an administrator broke, signed it, and that everybody was told of, in an alarm
    that may be over by now; else it is whole."""
    broken = BreakGlass.objects.filter(ask=ask).select_related("ask__step__run").first()
    if broken is None:
        return None
    pinned = pins()
    told = Alarm.objects.filter(key=glass_alarm(ask), title=str(broken)[:300], body=broken.reason)
    is_admin = "admin" in people_of().counted(broken.by, broken.by, pinned)
    if not is_admin or unsigned(broken.proof, glass_word(run, row, ask, broken), pinned):
        return None
    return broken if told.exists() else None


def said_to(
    question: Question, ask: Ask, people: People, *, now: datetime, pulse: float
) -> list[Said]:
    """All that was said to it, each proof looked at anew."""
    return [
        _said(
            row,
            question,
            people,
            wall=(now - row.given_at).total_seconds(),
            elapsed=pulse - row.pulse,
            is_used=hasattr(row, "use"),
        )
        for row in Approval.objects.filter(ask=ask).select_related("use", "ask")
    ]


def word_of(question: Question, ask: Ask, approver: str) -> Word:
    """What this approver signs."""
    return Word(question.digest, question.run, question.step, approver, ask.nonce)


def _said(
    row: Approval,
    question: Question,
    people: People,
    *,
    wall: float,
    elapsed: float,
    is_used: bool,
) -> Said:
    pinned, word = pins(), word_of(question, row.ask, row.approver)
    return Said(
        id=str(row.pk),
        ask=str(row.ask_id),
        approver=row.approver,
        principal=row.principal,
        roles=people.counted(row.approver, row.principal, pinned),
        is_active=row.approver in people.roles and row.principal in people.roles,
        factor=Factor(row.factor),
        digest=row.digest,
        run=question.run,
        step=question.step,
        incarnation=row.incarnation,
        wall=wall,
        elapsed=elapsed,
        is_yes=row.is_yes,
        is_used=is_used,
        unproven=unproven(row.factor, row.proof, word, pinned) if row.is_yes else "",
        reason=row.reason,
    )


def _uses(row: RunStep) -> list[ApprovalUse]:
    """Of its present round, in the order in which they were given."""
    found = ApprovalUse.objects.filter(step=row, round=row.round)
    return list(found.select_related("approval__ask").order_by("approval__given_at"))


def refuse_authority(run: Run, row: RunStep) -> str:
    """Why what this step does now rests on nobody's yes; empty where it rests on enough.

    Looked at in the transaction of every intent, and before anything that was intended is done:
    rows that somebody wrote past us start nothing."""
    plan = plan_of(run)
    planned = plan.step(row.name)
    need = need_of(planned, plan.mode)
    if need is None:
        return ""
    uses = _uses(row)
    asks = {use.approval.ask_id: use.approval.ask for use in uses}
    if len(asks) != 1:
        return f"{row.name}: nobody has approved this round of it."
    question, people = question_of(run, plan, row, next(iter(asks.values()))), people_of()
    said = [
        _said(
            use.approval,
            question,
            people,
            wall=(use.used_at - use.approval.given_at).total_seconds(),
            elapsed=use.pulse - use.approval.pulse,
            is_used=False,
        )
        for use in uses
    ]
    weighed = weigh(question, said)
    if not weighed.is_enough:
        why = " ".join(reason for _, reason in weighed.refused)
        return f"{row.name}: {weighed.missing} {why}".strip()
    if not planned.wants_passkey:
        return ""
    why = refuse_mandate(mandate_of(run, row), pins(), party())
    return f"{row.name}: {why}" if why else ""


def mandate_of(run: Run, row: RunStep) -> Mandate:
    """What shows an agent, which believes no rows, that people agreed to the present round of this
    step. Only passkeys are in it: a code proves nothing to anybody but us."""
    uses = _uses(row)
    asks = {use.approval.ask_id: use.approval.ask for use in uses}
    broken = BreakGlass.objects.filter(ask__in=asks).select_related("ask").first()
    if broken is not None and _broken(run, row, broken.ask) is None:
        broken = None
    yeses = [
        Yes(use.approval.approver, use.approval.ask.nonce, assertion)
        for use in uses
        if (assertion := read_assertion(use.approval.proof)) is not None
    ]
    return Mandate(run.plan, str(run.pk), row.name, tuple(yeses), _glass(broken))


def _glass(broken: BreakGlass | None) -> Glass | None:
    assertion = read_assertion(broken.proof) if broken is not None else None
    if broken is None or assertion is None:
        return None
    rules = tuple(str(rule) for rule in broken.rules)
    return Glass(broken.by, broken.ask.nonce, rules, broken.reason, assertion)
