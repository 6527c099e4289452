"""Who is who among a database's members. Pure."""

from __future__ import annotations

import ipaddress

from recovery.core.ports import EngineFailed
from recovery.core.wire import DatabaseSpec, Member


def primary_of(spec: DatabaseSpec) -> Member:
    """The member to follow; refuses where there is none, or where it is this replica itself."""
    found = [member for member in spec.members if member.role == "primary"]
    if len(found) != 1:
        raise EngineFailed(f"{spec.name} has {len(found)} primaries to follow, not one")
    if found[0].replica == spec.replica:
        raise EngineFailed(f"{spec.replica} is the primary: there is nobody to follow")
    return found[0]


def others(spec: DatabaseSpec) -> tuple[Member, ...]:
    """Every member but this replica."""
    return tuple(member for member in spec.members if member.replica != spec.replica)


def confirming(spec: DatabaseSpec) -> tuple[str, ...]:
    """The replicas of which one must have a write before it is acknowledged; none: nobody must.

    Said on standbys too: it holds from the first instant after a promotion. Without a lease
    nobody is named as promotable yet: a standby has to confirm first, to be worth a lease.
    """
    if not spec.synchronous or spec.degraded:
        return ()
    return tuple(each.replica for each in others(spec) if _counts(each, spec))


def _counts(member: Member, spec: DatabaseSpec) -> bool:
    return member.may_be_promoted or (spec.lease is None and member.role == "standby")


def networks(spec: DatabaseSpec) -> tuple[str, ...]:
    """The addresses that the members come from.

    On loopback every connection comes from 127.0.0.1, whoever made it: there, all of 127/8.
    """
    addresses = [ipaddress.ip_address(member.address) for member in spec.members]
    if any(each.is_loopback for each in addresses):
        return ("127.0.0.0/8", "::1/128")
    return tuple(f"{each}/{each.max_prefixlen}" for each in addresses)


def are_on_loopback(spec: DatabaseSpec) -> bool:
    """True where a member cannot be told from a client by its address."""
    return any(ipaddress.ip_address(member.address).is_loopback for member in spec.members)
