"""Passkeys that people show, and those that an administrator pins.

Invariants: a row lets nobody approve anything; a pin is written about before it is written, so that
no key ever counts of which the log knows nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused, TocsinError
from recovery.drp.approvals.pinning import changed_pins, fingerprint, make_pin
from recovery.drp.models import Passkey

MOST_PASSKEYS = 8


def show_passkey(
    *, label: str, handle: str, public: str, actor: Actor, reason: str, now: datetime
) -> Passkey:
    """Kept as what this person showed; it counts once it is pinned."""
    if Passkey.objects.filter(person=actor.id).count() >= MOST_PASSKEYS:
        raise Refused(f"You have {MOST_PASSKEYS} passkeys already.", kept="Nothing was kept.")
    row = Passkey(person=actor.id, label=label, handle=handle, public=public, shown_at=now)
    try:
        with transaction.atomic():
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    except IntegrityError as error:
        raise Conflict("This passkey was shown already.", kept="Nothing was kept.") from error


def pin_passkey(
    *, passkey: Passkey, roles: Collection[str], actor: Actor, reason: str, now: datetime
) -> None:
    """From now on this key signs for its person."""
    told = {"pinned_by": actor.id, "pinned_at": now}
    seen = fingerprint(passkey.person, passkey.handle, passkey.public)
    evidence = {"fingerprint": seen, "roles": sorted(roles)}
    transitions.amend(
        passkey, told, action="pinned", actor=actor, reason=reason, now=now, evidence=evidence
    )
    try:
        with changed_pins() as pins:
            pins[:] = [pin for pin in pins if pin.credential != passkey.handle]
            pins.append(make_pin(passkey.person, passkey.handle, passkey.public, roles))
    except TocsinError as error:
        none = {"pinned_by": "", "pinned_at": None}
        transitions.amend(
            passkey, none, action="not pinned", actor=actor, reason=str(error), now=now
        )
        raise


def unpin_person(*, person: str, actor: Actor, reason: str, now: datetime) -> int:
    """None of their keys signs anything any more; how many there were. The file is changed first:
    what cannot be written down must not keep a key in force."""
    with changed_pins() as pins:
        gone = [pin for pin in pins if pin.person == person]
        pins[:] = [pin for pin in pins if pin.person != person]
    if not gone:
        return 0
    rows = {row.handle: row for row in Passkey.objects.filter(person=person)}
    for pin in gone:
        if row := rows.get(pin.credential):
            none = {"pinned_by": "", "pinned_at": None}
            transitions.amend(row, none, action="unpinned", actor=actor, reason=reason, now=now)
        else:
            _unpinned(person, pin.credential, actor=actor, reason=reason, now=now)
    return len(gone)


def _unpinned(person: str, handle: str, *, actor: Actor, reason: str, now: datetime) -> None:
    """Of a key that no row tells of: it was put into the file by hand."""
    after = {"person": person, "handle": handle}
    with transaction.atomic():
        append_entries([Entry("unpinned", "pin", person, 0, actor, reason, now, {}, after)])
