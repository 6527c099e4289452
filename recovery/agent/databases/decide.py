"""What this host should do to one database server now: facts in, an act out. No I/O, no clock.

Invariants: what was a standby becomes a primary by an order alone, never by a list; a primary that
is bound to a lease starts only for a list that a control plane confirmed in this life, above every
epoch at which it was fenced; data that were a primary's, or a standby's that was set apart while
another one came to lead, follow only after `REJOIN`, which keeps what only they have; a crashed
primary with a rival waits for an order; what a restore is to take the place of serves no more from
the list on that says so, once what replaces it is here; and what was given up never serves: what it
took the place of does, or nothing.
"""

from __future__ import annotations

from recovery.agent.databases.facts import AS_WANTED, Act, Deed, Picture, Wait, is_bound
from recovery.core.wire import DatabaseSpec, Member

LEASE_ENDED = "the lease ended"
"""What the watchdog says of a server that it killed at its deadline: a closed gate, no crash."""
FIRST_EPOCH = 1
_QUIET = {"", LEASE_ENDED, "stopped"}
_LEADS = "it leads, and the list that it has is older: waits for the next"


def decide(picture: Picture) -> Act | Wait:
    """The next act, one at a time."""
    if picture.spec.role == "out":
        return _set_apart(picture)
    if picture.is_given_up:
        return _given_up(picture)
    if not picture.is_adopted:
        return _replaced(picture)
    if not picture.is_made:
        return _without_data(picture)
    return _running(picture) if picture.is_running else _stopped(picture)


def _set_apart(picture: Picture) -> Act | Wait:
    if picture.is_running:
        return Act(Deed.STOP, "set apart: it may not run for clients")
    may_hold_more = picture.role == "primary" or picture.is_overtaken
    if picture.is_made and may_hold_more and not picture.is_measured:
        return Act(Deed.MEASURE, "what only this one has is to be known")
    return Wait("set apart: it may not run for clients")


def _given_up(picture: Picture) -> Act | Wait:
    """Also by a list of another life: what was given up stays so."""
    if picture.is_running:
        return Act(Deed.STOP, "the restore that its data are of was given up")
    if picture.may_return:
        return Act(Deed.RETURN, "the restore was given up: what it took the place of is here")
    return Wait(
        "the restore that its data are of was given up, and what it took the place of is not here"
        " any more: restore it anew"
    )


def _replaced(picture: Picture) -> Act | Wait:
    """The list alone will do: whoever made it may be gone, and the data would serve nobody. One of
    another life will not: the restore may have been given up meanwhile. Without anything that could
    take its place nothing is stopped."""
    if not picture.is_fresh:
        return Wait("its list asks for restored data: waits for the control plane's list")
    if not picture.is_staged:
        return Wait("its list asks for restored data, and they are not here")
    if picture.is_running:
        return Act(Deed.STOP, "a restore takes the place of its data")
    return Act(Deed.ADOPT, "its restored data are here, and proven")


def _without_data(picture: Picture) -> Act | Wait:
    if not picture.is_fresh or picture.quarantined:
        return Wait("waits for the control plane's list")
    if picture.spec.role == "standby":
        return Act(Deed.CLONE, "a standby without data")
    if picture.role == "out" and picture.spec.epoch == FIRST_EPOCH:
        return Act(Deed.MAKE, "a new primary")
    return Wait("its data are not here: an empty primary is not made in their place")


def _stopped(picture: Picture) -> Act | Wait:
    if picture.quarantined and picture.is_fresh:
        return Wait("quarantine: this host starts nothing new yet")
    if picture.spec.adopts and not picture.is_fresh:
        return Wait("its restore may have been given up: waits for the control plane's list")
    if picture.spec.role == "standby":
        was = "was set apart" if picture.is_overtaken else "was a primary"
        if picture.role != "primary" and not picture.is_overtaken:
            return Act(Deed.START, "a standby that does not run")
        if not picture.is_fresh or picture.quarantined:
            return Wait(f"it {was}: waits for the control plane's list")
        return Act(Deed.REJOIN, f"it {was} and is to follow another")
    return _stopped_primary(picture)


def _stopped_primary(picture: Picture) -> Act | Wait:
    spec = picture.spec
    if spec.epoch <= picture.fenced:
        return Wait(f"fenced at epoch {picture.fenced}")
    if not is_bound(spec):
        if picture.is_fresh or len(spec.members) == 1:
            return Act(Deed.START, "a primary that does not run")
        return Wait("another replica exists: waits for the control plane's list")
    if reason := _closed(picture):
        return Wait(reason)
    if picture.role == "standby":
        return Act(Deed.START, "a standby that is to be promoted")
    return Act(Deed.START, "ordered" if picture.is_ordered else "a primary that does not run")


def _closed(picture: Picture) -> str:
    """Why a primary that is bound to a lease does not start now, or nothing."""
    if picture.role == "standby" or picture.is_ordered:
        return ""
    if not picture.is_fresh or picture.quarantined:
        return "waits for the control plane's list"
    if picture.ended not in _QUIET:
        return f"ended ({picture.ended}): restarted or replaced by order"
    return ""


def _running(picture: Picture) -> Act | Wait:
    seen, spec = picture.seen, picture.spec
    if picture.role == "primary" and spec.role == "standby" and spec.epoch > picture.led:
        return Act(Deed.STOP, f"another is primary in epoch {spec.epoch}")
    if seen is None:
        return Wait("it does not answer")
    if seen.role == "primary":
        return Wait(_LEADS) if spec.role == "standby" else _configured(picture)
    if spec.role == "standby" and picture.is_overtaken:
        return Act(Deed.STOP, "it was set apart: what it holds is compared before it follows")
    if spec.role == "primary":
        return Wait("to be promoted by an order")
    return _following(picture)


def _following(picture: Picture) -> Act | Wait:
    leader = leader_of(picture.spec)
    if leader is None:
        return Wait("its list names nobody to follow: waits for the next")
    if _leader_in(picture.configured) != leader.replica:
        return Act(Deed.REPOINT, f"{leader.replica} is primary now")
    return _configured(picture)


def _configured(picture: Picture) -> Act | Wait:
    if picture.configured != picture.spec:
        return Act(Deed.CONFIGURE, "its settings changed")
    return AS_WANTED


def leader_of(spec: DatabaseSpec) -> Member | None:
    """Whom to follow."""
    found = [member for member in spec.members if member.role == "primary"]
    alone = len(found) == 1 and found[0].replica != spec.replica
    return found[0] if alone else None


def _leader_in(spec: DatabaseSpec | None) -> str:
    leader = leader_of(spec) if spec else None
    return leader.replica if leader else ""
