"""What every entry of the lab's file has in common: strict, frozen, known words."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$")]
Code = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]{0,30}$")]
Cpu = Annotated[int, Field(ge=1, le=1_000_000)]
Memory = Annotated[int, Field(ge=1, le=100_000_000)]


class Entry(BaseModel):
    """Unknown fields are refused, and nothing is guessed from a wrong type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
