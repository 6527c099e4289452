"""What more than one file of routes takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Field, Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, StringConstraints

from recovery.core.moments import REFUSAL, BadMoment, read_moment
from recovery.core.texts import why_not


def _readable(text: str) -> str:
    """However it was sent: the middleware reads JSON alone."""
    if wrong := why_not(text, "it"):
        raise ValueError(wrong)
    return text


Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[^\x00]*$"),
    AfterValidator(_readable),
]
"""What a person writes, as the pages' forms take it: no blank ends, nothing that no row holds."""


def _read(told: object) -> datetime:
    """Of text alone: a number is no moment."""
    if not isinstance(told, str):
        raise BadMoment(REFUSAL)
    return read_moment(told)


Written = Annotated[datetime, BeforeValidator(_read)]
"""A moment that a person or a program writes, as the pages' forms read it."""


class Told(Schema):
    """What is sent. A field that nobody reads is refused: who sent it would think it was heeded."""

    model_config = ConfigDict(extra="forbid")


class Why(Told):
    """A reason: it stands in the log."""

    reason: Words = Field(min_length=3, max_length=300)


class Done(Schema):
    """What came of it, in a sentence."""

    said: str
