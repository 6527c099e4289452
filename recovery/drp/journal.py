"""What the hands of a run began, under which key: written in the transaction that began it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from django.db import models

from recovery.core.guarded import Guarded
from recovery.inventory.models.places import choices


class EffectKind(StrEnum):
    """`restore`: a restore · `seat`: a container's new seat · `route`: where an application's users
    were led before · `unseated`: a container for which there was no host · `undone`: a seat that
    was stopped because people took the step back · `lifted`: a fence · `apart`: a copy that was set
    apart with it · `released`: a copy that was let go to follow."""

    RESTORE = "restore"
    SEAT = "seat"
    ROUTE = "route"
    UNSEATED = "unseated"
    UNDONE = "undone"
    LIFTED = "lifted"
    APART = "apart"
    RELEASED = "released"


BEGUN = (EffectKind.RESTORE, EffectKind.SEAT)
"""What is begun once, by one act, or not at all."""


class Effect(Guarded):
    """One thing that an act began, or found. Never changed. `key`: the act's; `object`: the row
    that it is about."""

    TYPE = "drp effect"

    key = models.CharField(max_length=240)
    kind = models.CharField(max_length=10, choices=choices(EffectKind))
    object = models.UUIDField()
    name = models.CharField(max_length=200)
    said = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("at", "name")
        constraints = [
            models.UniqueConstraint(fields=["key", "kind", "object"], name="drp_effect_once"),
            models.UniqueConstraint(
                fields=["kind", "object"],
                condition=models.Q(kind__in=sorted(BEGUN)),
                name="what_was_begun_is_of_one_act",
            ),
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(kind=EffectKind.RESTORE),
                name="one_restore_of_an_act",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class CallState(StrEnum):
    """`sending`: a deliverer has it; one that died gives it back after a while."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


CALL_MOVES: Mapping[str, frozenset[str]] = {
    CallState.WAITING: frozenset({"sending", "failed"}),
    CallState.SENDING: frozenset({"delivered", "failed"}),
    CallState.DELIVERED: frozenset(),
    CallState.FAILED: frozenset(),
}


class Call(Guarded):
    """A webhook that is due, one a key: its id is the delivery's, however often it is sent. What is
    sent, and where to, is the plan's and not the row's."""

    TYPE = "drp call"
    MOVES = CALL_MOVES

    key = models.CharField(max_length=240, unique=True)
    state = models.CharField(max_length=10, choices=choices(CallState), default=CallState.WAITING)
    asked_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    said = models.TextField(blank=True)

    class Meta:
        ordering = ("asked_at",)

    def __str__(self) -> str:
        return f"call {self.key}"
