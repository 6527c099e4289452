"""Whether people agreed to one step of a plan, from the plan's own bytes and the pinned keys. No
Django and no rows: an agent finds out by itself what the controller found out.

Invariants: who asked for the plan and who wrote it last stand in the bytes that are signed, and
never count; nor does anybody whose pinned key has not the role; each person counts once; all
answered one question; a broken rule serves whoever signed that they break it, and nobody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from recovery.core.consent import Assertion, GlassWord, Party, Pin, Word, refuse, roles_of

REQUESTER_APPROVES = "requester_approves"
EDITOR_APPROVES = "editor_approves"
TOO_FEW_PEOPLE = "too_few_people"
SIMULATION = "simulation"


class SignedNeed(msgspec.Struct, frozen=True):
    """Whose approval a step wants. `of`: only these people, where given."""

    role: str
    count: int
    of: tuple[str, ...] = ()


class SignedStep(msgspec.Struct, frozen=True):
    """What of a step says who has to agree to it."""

    id: str
    approval: SignedNeed | None = None


class SignedPlan(msgspec.Struct, frozen=True):
    """What of a plan says who has to agree; all else in it is covered by its digest."""

    mode: str
    steps: tuple[SignedStep, ...]
    requester: str = ""
    last_editor: str = ""


class Yes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person's signature under one question."""

    approver: str
    nonce: str
    assertion: Assertion


class Glass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that one administrator broke by name for one question, signed."""

    by: str
    nonce: str
    rules: tuple[str, ...]
    reason: str
    assertion: Assertion


class Mandate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that shows that people agreed to this step. `plan`: its canonical text, as digested."""

    plan: str
    run: str
    step: str
    yeses: tuple[Yes, ...]
    glass: Glass | None = None


def refuse_mandate(mandate: Mandate, pins: Sequence[Pin], party: Party) -> str:
    """Why this step is not done by whoever believes nothing but the pinned keys; empty where enough
    people signed it. For steps that take a passkey: it always takes one signature at least."""
    try:
        plan = msgspec.json.decode(mandate.plan, type=SignedPlan)
        nonces = {yes.nonce for yes in mandate.yeses}
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        return f"The plan cannot be read: {error}."
    step = next((one for one in plan.steps if one.id == mandate.step), None)
    no = (
        (step is None, f"There is no step {mandate.step} in the plan."),
        (plan.mode == SIMULATION, "A simulation is not carried out."),
        (
            not plan.requester or not plan.last_editor,
            "The plan does not say who asked for it and who wrote it.",
        ),
        (len(nonces) > 1, "They did not answer one question."),
    )
    if why := next((said for holds, said in no if holds), ""):
        return why
    assert step is not None, "it was looked for"
    need = step.approval or SignedNeed("approver", 1)
    return _Weighing(mandate, plan, need, pins, party).missing()


class _Weighing:
    """Of one mandate."""

    def __init__(
        self,
        mandate: Mandate,
        plan: SignedPlan,
        need: SignedNeed,
        pins: Sequence[Pin],
        party: Party,
    ) -> None:
        self.mandate, self.plan, self.need = mandate, plan, need
        self.pins, self.party = pins, party
        self.digest = hashlib.sha256(mandate.plan.encode()).hexdigest()

    def missing(self) -> str:
        """Why it is not enough."""
        glass = self.mandate.glass
        if glass is not None and (why := self._refuse_glass(glass)):
            return f"{glass.by} broke no glass: {why}"
        refused = {yes.approver: self._refuse(yes) for yes in self.mandate.yeses}
        counted = {who for who, why in refused.items() if not why}
        is_alone = any(self._breaks(who, TOO_FEW_PEOPLE) for who in counted)
        wanted = 1 if is_alone else max(1, self.need.count)
        if len(counted) >= wanted:
            return ""
        whys = " ".join(f"{who}: {why}" for who, why in sorted(refused.items()) if why)
        return f"{len(counted)} of {wanted} people have signed it. {whys}".strip()

    def _breaks(self, who: str, rule: str) -> bool:
        glass = self.mandate.glass
        return glass is not None and glass.by == who and rule in glass.rules

    def _refuse(self, yes: Yes) -> str:
        who = yes.approver
        asked = who == self.plan.requester and not self._breaks(who, REQUESTER_APPROVES)
        edited = who == self.plan.last_editor and not self._breaks(who, EDITOR_APPROVES)
        no = (
            (asked, "Who asked for it does not approve it."),
            (edited, "Who wrote it does not approve it."),
            (bool(self.need.of) and who not in self.need.of, "Not one of those who are named."),
            (not self._has(who, self.need.role), f"No pinned key is an {self.need.role}’s."),
        )
        word = Word(self.digest, self.mandate.run, self.mandate.step, who, yes.nonce)
        return next((why for holds, why in no if holds), "") or refuse(
            yes.assertion, word, self.pins, self.party
        )

    def _refuse_glass(self, glass: Glass) -> str:
        if not self._has(glass.by, "admin"):
            return "No pinned key is an admin’s."
        if any(yes.nonce != glass.nonce for yes in self.mandate.yeses):
            return "It was for another question."
        word = GlassWord(
            self.digest,
            self.mandate.run,
            self.mandate.step,
            glass.by,
            glass.nonce,
            glass.rules,
            glass.reason,
        )
        return refuse(glass.assertion, word, self.pins, self.party)

    def _has(self, person: str, role: str) -> bool:
        return role in (roles_of(person, self.pins) or ())
