"""What more than one file of routes takes and gives."""

from __future__ import annotations

from ninja import Field, Schema


class Why(Schema):
    """A reason: it stands in the log."""

    reason: str = Field(min_length=3, max_length=300)


class Done(Schema):
    """What came of it, in a sentence."""

    said: str
