"""Passkeys as their people and an administrator see them: what counts is the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recovery.core.consent import Pin
from recovery.drp.approvals.pinning import fingerprint
from recovery.drp.approvals.proofs import pins
from recovery.drp.models import Passkey


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """`is_pinned`: the file has exactly this key for this person."""

    id: str
    person: str
    label: str
    handle: str
    fingerprint: str
    shown_at: datetime
    is_pinned: bool
    pinned_by: str
    pinned_at: datetime | None


def passkeys_of(person: str) -> tuple[PasskeyView, ...]:
    """The oldest first."""
    return _views(list(Passkey.objects.filter(person=person)))


def all_passkeys() -> tuple[tuple[PasskeyView, ...], tuple[Pin, ...]]:
    """Everybody's, and pins of which no row tells."""
    rows = list(Passkey.objects.all())
    known = {(row.person, row.handle, row.public) for row in rows}
    loose = tuple(pin for pin in pins() if (pin.person, pin.credential, pin.key) not in known)
    return _views(rows), loose


def find_unpinned(person: str) -> tuple[Passkey, ...]:
    """What this person showed and nobody has pinned."""
    pinned = {(pin.person, pin.credential, pin.key) for pin in pins()}
    rows = Passkey.objects.filter(person=person)
    return tuple(row for row in rows if (row.person, row.handle, row.public) not in pinned)


def _views(rows: list[Passkey]) -> tuple[PasskeyView, ...]:
    pinned = {(pin.person, pin.credential, pin.key) for pin in pins()}
    return tuple(
        PasskeyView(
            id=str(row.pk),
            person=row.person,
            label=row.label,
            handle=row.handle,
            fingerprint=fingerprint(row.person, row.handle, row.public),
            shown_at=row.shown_at,
            is_pinned=(row.person, row.handle, row.public) in pinned,
            pinned_by=row.pinned_by,
            pinned_at=row.pinned_at,
        )
        for row in rows
    )
