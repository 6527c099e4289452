"""Whether people have agreed: approvals and policy in, a verdict with its reasons out. Pure.

Invariants (I-DR-2): who asked, and who last edited the runbook, as the signed plan has them, never
counts, administrators included; a rule that somebody broke serves nobody else; each right counts
once, whoever uses it; an approval is of one question, one plan, one run and one step, used once,
and gone after 30 minutes by whichever clock says more.
"""

from __future__ import annotations

from collections.abc import Sequence

from recovery.drp.approvals.facts import LIFE_SECONDS, Question, Rule, Said, Weighed
from recovery.drp.facts import Factor

WAITS = "Waits for "
"""How it begins that people are missing, who are named after it."""


def weigh(question: Question, approvals: Sequence[Said]) -> Weighed:
    """All that was said to this question."""
    denied = next((one for one in approvals if _is_no(one, question)), None)
    refused = [(one.id, refuse(one, question)) for one in approvals if one.is_yes]
    counted: dict[str, str] = {}
    own_first = sorted(approvals, key=lambda one: one.principal != one.approver)
    for one in own_first:
        if one.is_yes and not refuse(one, question):
            if one.principal in counted or one.approver in _hands(counted, approvals):
                refused.append((one.id, f"{one.principal}’s right was used already."))
                continue
            counted[one.principal] = one.id
    alone = _alone(counted, approvals, question)
    wanted = 1 if alone else question.count
    taken = (alone,) if alone else tuple(counted.values())[:wanted]
    return Weighed(
        counted=taken,
        refused=tuple((id, why) for id, why in refused if why),
        missing=_missing(wanted - len(taken), question),
        denied=denied.approver if denied else "",
        because=denied.reason if denied else "",
        hollow=tuple(one.approver for one in approvals if _is_hollow(one, question)),
    )


HOLLOW_SECONDS = 5.0
"""For so long a yes that no key gave is left: a file of pinned keys may just be written."""


def _is_hollow(one: Said, question: Question) -> bool:
    stands = one.is_yes and not (_other(one, question) or _who(one, question))
    return stands and bool(one.unproven) and max(one.wall, one.elapsed) >= HOLLOW_SECONDS


def _alone(counted: dict[str, str], approvals: Sequence[Said], question: Question) -> str:
    """The yes of whoever broke the rule that it takes several, if it counts."""
    ids = set(counted.values())
    return next(
        (
            one.id
            for one in approvals
            if one.id in ids and _breaks(one, question, Rule.TOO_FEW_PEOPLE)
        ),
        "",
    )


def _hands(counted: dict[str, str], approvals: Sequence[Said]) -> frozenset[str]:
    """Who has said yes already, for themselves or for somebody else."""
    ids = set(counted.values())
    return frozenset(one.approver for one in approvals if one.id in ids)


def _is_no(one: Said, question: Question) -> bool:
    """A no of anybody who may say yes stops it; whoever asked has abort for it."""
    return not one.is_yes and one.ask == question.ask and question.role in one.roles


def refuse(one: Said, question: Question) -> str:
    """Why it does not count; empty where it does."""
    return _other(one, question) or _who(one, question) or _how(one, question)


def _other(one: Said, question: Question) -> str:
    """It is about something else, or over."""
    no = (
        (bool(question.mismatch), question.mismatch),
        (one.ask != question.ask, "It answers another question."),
        (one.run != question.run, "It is of another run."),
        (one.step != question.step, "It is of another step."),
        (one.digest != question.digest, "It is of another plan than the one that would be run."),
        (one.is_used, "It was used already."),
        (one.incarnation != question.incarnation, "Tocsin’s own rows were restored since."),
        (one.wall < 0, "The clock went back since: nobody knows how old it is."),
        (max(one.wall, one.elapsed) >= LIFE_SECONDS, "It is older than 30 minutes."),
    )
    return next((why for holds, why in no if holds), "")


def _who(one: Said, question: Question) -> str:
    people = {one.approver, one.principal}
    asked = question.requester in people and not _breaks(one, question, Rule.REQUESTER_APPROVES)
    edited = question.editor in people and not _breaks(one, question, Rule.EDITOR_APPROVES)
    no = (
        (asked, f"{question.requester} asked for the run: somebody else has to approve."),
        (edited, f"{question.editor} wrote the runbook: somebody else has to approve."),
        (not one.is_active, f"{one.approver} is not let in any more."),
        (question.role not in one.roles, f"{one.principal} is no {question.role}."),
        (
            bool(question.of) and not people <= question.of,
            f"{one.principal} is none of those who are named for it.",
        ),
    )
    return next((why for holds, why in no if holds), "")


def _breaks(one: Said, question: Question, rule: Rule) -> bool:
    """A broken rule serves the person who broke it by name, and nobody else."""
    return rule in question.broken and one.approver == question.broken_by == one.principal


def _how(one: Said, question: Question) -> str:
    if question.by_passkey and one.factor is not Factor.PASSKEY:
        return "This step cannot be taken back, or is dangerous: it takes a passkey."
    return one.unproven


def _missing(count: int, question: Question) -> str:
    if count <= 0:
        return ""
    people = "one more person" if count == 1 else f"{count} more people"
    named = f" out of {', '.join(sorted(question.of))}" if question.of else ""
    return f"{WAITS}{people} of role {question.role}{named}."


def refuse_answer(person: str, principal: str, roles: frozenset[str], question: Question) -> str:
    """Before anything is written: the same rules, for whoever is about to answer."""
    return refuse(would_say(person, principal, roles, question), question)


def refuse_person(person: str, principal: str, roles: frozenset[str], question: Question) -> str:
    """Of these rules those about who it is: somebody else may still answer."""
    return _who(would_say(person, principal, roles, question), question)


def would_say(person: str, principal: str, roles: frozenset[str], question: Question) -> Said:
    """Their yes to it, as if it were given now."""
    return Said(
        id="",
        ask=question.ask,
        approver=person,
        principal=principal,
        roles=roles,
        is_active=True,
        factor=Factor.PASSKEY,
        digest=question.digest,
        run=question.run,
        step=question.step,
        incarnation=question.incarnation,
        wall=0.0,
        elapsed=0.0,
    )
