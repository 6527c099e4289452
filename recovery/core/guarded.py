"""The base of every table whose rows change only through `core.transitions`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import ClassVar

from django.db import models


class Guarded(models.Model):
    """`version` counts the changes; a database trigger refuses one without an audit entry.

    A subclass names its audit `TYPE`; one with a state machine also `STATE` and `MOVES`
    (state → states that may follow it).
    """

    TYPE: ClassVar[str]
    STATE: ClassVar[str] = "state"
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = {}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.BigIntegerField(default=1, editable=False)

    class Meta:
        abstract = True
