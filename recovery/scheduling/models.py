"""What scheduling remembers beside the seats themselves (which are inventory's)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.models import Container, Placement


class HoldState(StrEnum):
    """A hold is open until its reason is gone."""

    OPEN = "open"
    ENDED = "ended"


HOLD_MOVES: Mapping[str, frozenset[str]] = {
    HoldState.OPEN: frozenset({"ended"}),
    HoldState.ENDED: frozenset(),
}


class Hold(Guarded):
    """A copy that is wanted and does not run, with the reason: a silent hold is a fault.

    `binding` is the constraint that keeps it out, when no host has room for it.
    """

    TYPE = "hold"
    MOVES = HOLD_MOVES

    container = models.ForeignKey(Container, models.PROTECT, related_name="holds")
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in HoldState], default=HoldState.OPEN
    )
    cause = models.CharField(max_length=20)
    reason = models.TextField()
    binding = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["container"],
                condition=models.Q(state=HoldState.OPEN),
                name="one_open_hold_per_container",
            )
        ]

    def __str__(self) -> str:
        return f"{self.container}: {self.reason}"


class Release(Guarded):
    """The proof, or a person's word, that this seat does not run any more (I-CT-1).

    It is about one loss: void once the seat counts again, so that the next loss asks anew.
    """

    TYPE = "release"

    placement = models.ForeignKey(Placement, models.PROTECT, related_name="releases")
    proof = models.CharField(max_length=200)
    released_at = models.DateTimeField()
    released_by = models.CharField(max_length=120)
    void_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["placement"],
                condition=models.Q(void_at=None),
                name="one_valid_release_per_placement",
            )
        ]

    def __str__(self) -> str:
        return f"{self.placement}: {self.proof}"
