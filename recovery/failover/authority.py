"""The word of a recovery plan's people, as a failover is given it. A frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Authority:
    """A step of a recovery plan that people approved: for it alone somebody is promoted across
    datacenters, in a pause, in a storm, and within the hour.

    `act`: the key of its act; `said`: whose it is, for people; `into`: the datacenter that takes
    over; `loss`: seconds of writes that were approved to be lost; `people`: who asked for it and
    who approved it; `named`: replicas that they were shown, and answer for: who may have prolonged
    a lease unseen, or a primary that lives by none; `gone`: those that, as the provider or
    somebody on site says, are gone."""

    act: str
    said: str
    into: str
    loss: float = 0.0
    people: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
