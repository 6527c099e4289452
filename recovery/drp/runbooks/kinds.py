"""What each kind of step may say. A new kind is a class here, its executor, and its sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from recovery.drp.runbooks.spans import read_span

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Span = Annotated[int, BeforeValidator(read_span)]
Where = Literal["lost", "into"]
"""The datacenter that is left, and the one that takes over: a run names both."""
Percent = Annotated[int, Field(ge=1, le=100)]


class Condition(StrEnum):
    """What can be looked at. Each has one function that answers with evidence."""

    DATACENTER_IS_SILENT = "datacenter_is_silent"
    DATACENTER_IS_BACK = "datacenter_is_back"
    DESTINATION_IS_THERE = "destination_is_there"
    DATACENTER_IS_FENCED = "datacenter_is_fenced"
    TOCSIN_SEES = "tocsin_sees"
    AUTOMATION_IS_FROZEN = "automation_is_frozen"
    CAPACITY_IS_THERE = "capacity_is_there"
    COPIES_ARE_RESTORABLE = "copies_are_restorable"
    DATABASES_SERVE = "databases_serve"
    APPLICATIONS_ANSWER = "applications_answer"
    REDUNDANCY_IS_WHOLE = "redundancy_is_whole"
    DATACENTER_IS_EMPTY = "datacenter_is_empty"


class Approval(BaseModel):
    """`count` distinct people of `role`; `of`: only these names, where given."""

    model_config = STRICT
    role: Literal["approver", "admin"] = "approver"
    count: Annotated[int, Field(ge=1, le=5)] = 1
    of: tuple[Text, ...] = ()


class Select(BaseModel):
    """Which ones: of one datacenter, and narrower where said. `standby` missing: databases that
    have none in the other datacenter that may be promoted."""

    model_config = STRICT
    of: Where
    plan: Literal["starter", "business"] | None = None
    copies: Literal["one", "more"] | None = None
    standby: Literal["missing"] | None = None


class Check(BaseModel):
    model_config = STRICT
    kind: Literal["check"]
    that: Condition


class Wait(BaseModel):
    model_config = STRICT
    kind: Literal["wait_until"]
    that: Condition
    holds_for: Span


class Verify(BaseModel):
    model_config = STRICT
    kind: Literal["verify"]
    that: Annotated[tuple[Condition, ...], Field(min_length=1)]
    at_least: Percent = 100


class Manual(BaseModel):
    """`evidence`: what the person has to write down; without it the step is not done. `select`:
    databases that they move, where it is about some: without one there is nothing to do."""

    model_config = STRICT
    kind: Literal["manual"]
    instructions: Text
    evidence: Text
    select: Select | None = None


class Question(BaseModel):
    model_config = STRICT
    kind: Literal["approval"]
    question: Text


class Notify(BaseModel):
    model_config = STRICT
    kind: Literal["notify"]
    audience: Literal["team", "management", "customers", "authorities"]
    message: Text


class Freeze(BaseModel):
    model_config = STRICT
    kind: Literal["freeze_automation"]
    what: Annotated[
        tuple[Literal["rescheduling", "failover", "retention", "restore_tests"], ...],
        Field(min_length=1),
    ]


class Fence(BaseModel):
    model_config = STRICT
    kind: Literal["fence_datacenter"]
    datacenter: Where
    proof: Literal["leases_ended", "receipts", "people"]


class Lift(BaseModel):
    """Of a datacenter that came back; copies that an earlier run left there stay set apart."""

    model_config = STRICT
    kind: Literal["lift_fence"]
    datacenter: Where


class Keep(BaseModel):
    """Of the databases that go back and were decided to be kept: what their copies there hold."""

    model_config = STRICT
    kind: Literal["keep_copies"]
    select: Select


class Export(BaseModel):
    """Of the databases that go back and were decided to be exported: what their copies there hold
    beyond the primary goes into a store, sealed. They stay set apart."""

    model_config = STRICT
    kind: Literal["export_copies"]
    select: Select


class Discard(BaseModel):
    """Of the databases that go back: their copies there follow again, whatever only they held."""

    model_config = STRICT
    kind: Literal["discard_copies"]
    select: Select


class Promote(BaseModel):
    model_config = STRICT
    kind: Literal["promote_databases"]
    select: Select


class Restore(BaseModel):
    model_config = STRICT
    kind: Literal["restore_databases"]
    select: Select


class Place(BaseModel):
    model_config = STRICT
    kind: Literal["place_applications"]
    select: Select


class Traffic(BaseModel):
    model_config = STRICT
    kind: Literal["switch_traffic"]
    select: Select
    what: Literal["databases", "applications"]


class Webhook(BaseModel):
    """`secret`: the name under which the key of its signature is kept, never the key."""

    model_config = STRICT
    kind: Literal["webhook"]
    url: Annotated[str, StringConstraints(pattern=r"^https://[^\s@]{1,400}$")]
    event: Slug
    secret: Slug


class Gate(BaseModel):
    """What holds after a wave before the next one begins."""

    model_config = STRICT
    that: Condition
    at_least: Percent


Repeated = Annotated[
    Promote | Restore | Place | Traffic | Keep | Export | Discard, Field(discriminator="kind")
]


class ForEach(BaseModel):
    """`do` in waves of `wave` targets, most urgent first, with a gate after each."""

    model_config = STRICT
    kind: Literal["for_each"]
    wave: Annotated[int, Field(ge=1, le=500)]
    gate: Gate
    do: Repeated
