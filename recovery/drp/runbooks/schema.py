"""What a runbook may say, and nothing else. Strict: no unknown field, no guessed type.

Invariants: each step says how it is undone or why it cannot be (I-DR-6); what is dangerous has an
approval; a secret is named, never written. A draft may leave fields of the plan empty; it is not
made active then (`empty_fields`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from recovery.drp.facts import DANGEROUS, Kind, Mode, OnFailure, Stage
from recovery.drp.runbooks.covers import Covers
from recovery.drp.runbooks.kinds import (
    Approval,
    Check,
    Discard,
    Export,
    Fence,
    ForEach,
    Freeze,
    Keep,
    Lift,
    Manual,
    Notify,
    Place,
    Promote,
    Question,
    Restore,
    Slug,
    Text,
    Traffic,
    Verify,
    Wait,
    Webhook,
)
from recovery.drp.runbooks.spans import read_span

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
Span = Annotated[int, BeforeValidator(read_span)]
Role = Literal["responder", "approver", "admin"]
Act = Annotated[
    Check
    | Manual
    | Question
    | Wait
    | Notify
    | Freeze
    | Fence
    | Lift
    | Keep
    | Export
    | Discard
    | Promote
    | Restore
    | Place
    | Traffic
    | Verify
    | Webhook
    | ForEach,
    Field(discriminator="kind"),
]


class Service(BaseModel):
    """What was promised for one service. `covers`: of which ones; without it no report can say
    whether it was kept."""

    model_config = STRICT
    name: Text
    covers: Covers | None = None
    rto: Span
    rpo: Span
    mtpd: Span


class Contact(BaseModel):
    """Who is called, where, and when that was last tried."""

    model_config = STRICT
    name: Text
    role: Text
    channel: Text
    last_verified: date


class Preamble(BaseModel):
    """What NIS2, DORA and ISO 22301 ask a plan to hold (safety.md, section 6)."""

    model_config = STRICT
    owner: str = ""
    deputies: tuple[Text, ...] = ()
    scope: str = ""
    audience: tuple[Text, ...] = ()
    bia_ref: str = ""
    services: tuple[Service, ...] = ()
    activation: tuple[Text, ...] = ()
    deactivation: tuple[Text, ...] = ()
    success_criteria: tuple[Text, ...] = ()
    order: str = ""
    contacts: tuple[Contact, ...] = ()
    resources: tuple[Text, ...] = ()
    suppliers: tuple[Text, ...] = ()
    security_relaxations: tuple[Text, ...] = ()
    fail_back: str = ""
    review_due: date | None = None
    tested_on: date | Literal["never"] | None = None


class Step(BaseModel):
    """One step. `needs`: steps that are done (or skipped by a person) before it."""

    model_config = STRICT
    id: Slug
    title: Text
    stage: Stage
    owner: Role
    timeout: Span
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    on_failure: OnFailure = OnFailure.ASK
    undo: Text | None = None
    point_of_no_return: Text | None = None
    needs: tuple[Slug, ...] = ()
    approval: Approval | None = None
    do: Act

    @property
    def kind(self) -> Kind:
        """Of what is done in the end: a for_each is as dangerous as what it repeats."""
        return Kind(self.do.do.kind if isinstance(self.do, ForEach) else self.do.kind)

    @model_validator(mode="after")
    def says_the_way_back(self) -> Step:
        if (self.undo is None) == (self.point_of_no_return is None):
            raise ValueError(
                "A step says either how it is undone (undo) or why it cannot be"
                " (point_of_no_return): exactly one of the two."
            )
        return self

    @model_validator(mode="after")
    def asks_before_danger(self) -> Step:
        if self.approval is None and (self.kind in DANGEROUS or self.kind is Kind.APPROVAL):
            raise ValueError(f"A step that does {self.kind} needs an approval: add one.")
        return self


class Runbook(BaseModel):
    """A whole file."""

    model_config = STRICT
    runbook: Slug
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    title: Text
    scenario: Literal["datacenter_lost", "datacenter_unreachable", "evacuation", "return"]
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)]
    plan: Preamble
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=200)]

    @property
    def is_lossless(self) -> bool:
        """What it moves is alive: it is switched over, not failed over."""
        return self.scenario in {"evacuation", "return"}


def empty_fields(runbook: Runbook) -> tuple[str, ...]:
    """Fields of the plan that an auditor would ask for; with one of them it is not made active."""
    values = {name: getattr(runbook.plan, name) for name in Preamble.model_fields}
    return tuple(
        name for name, value in values.items() if value is None or not str(value).strip("() ")
    )
