"""What more than one file of routes takes and gives."""

from __future__ import annotations

from typing import Annotated

from ninja import Field, Schema
from pydantic import StringConstraints

Words = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00]*$")]
"""What a person writes, as the pages' forms take it: no blank ends, nothing that no row holds."""


class Why(Schema):
    """A reason: it stands in the log."""

    reason: Words = Field(min_length=3, max_length=300)


class Done(Schema):
    """What came of it, in a sentence."""

    said: str
