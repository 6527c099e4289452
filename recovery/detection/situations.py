"""Hosts that fail together are one situation, with ranked hypotheses on whose failure it is. Pure.

Invariant: every host that is not alive is in exactly one situation, that of the smallest failure
domain which explains it; a hypothesis states what speaks for it, against it and what is missing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.detection.facts import Blindness
from recovery.inventory.facts import Verdict


class Scope(StrEnum):
    """Whose failure it may be."""

    HOST = "host"
    RACK = "rack"
    DATACENTER = "datacenter"
    REGION = "region"
    PARTITION = "partition"
    BLIND = "blind"


UNLOCKS: dict[Scope, tuple[str, ...]] = {
    Scope.HOST: ("replace its containers", "fail its databases over"),
    Scope.RACK: ("replace its containers, paced", "fail synchronous databases over"),
    Scope.DATACENTER: ("prepare the Disaster Recovery Plan",),
    Scope.REGION: ("prepare the Disaster Recovery Plan",),
    Scope.PARTITION: (),
    Scope.BLIND: (),
}
LOCKS: dict[Scope, tuple[str, ...]] = {
    Scope.HOST: (),
    Scope.RACK: ("replace before it is shown to fit elsewhere",),
    Scope.DATACENTER: ("replace containers without a person",),
    Scope.REGION: ("replace containers without a person",),
    Scope.PARTITION: ("replace containers", "fail over across the cut"),
    Scope.BLIND: ("every automatic action",),
}


SAID = {
    Verdict.LOST: "{} is lost",
    Verdict.HUNG: "{} hangs",
    Verdict.UNKNOWN: "{} is silent, and nobody can tell whether it lives",
    Verdict.ISOLATED: "{} is cut off from us; its peers see it",
    Verdict.AGENT_DOWN: "{} lives, but its agent is down",
}
"""From the worst to the mildest: a situation is as bad as its worst host."""
COUNTED = {
    Verdict.LOST: "lost",
    Verdict.HUNG: "hang",
    Verdict.UNKNOWN: "silent, nobody can tell",
    Verdict.ISOLATED: "cut off from us",
    Verdict.AGENT_DOWN: "without their agents",
}


@dataclass(frozen=True, slots=True)
class Patient:
    """One host that is not alive. `witnesses`: how many observers its verdict rests on;
    `silence`: seconds since its last heartbeat."""

    host: str
    name: str
    datacenter: str
    domains: frozenset[str]
    verdict: Verdict
    witnesses: int = 0
    silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Census:
    """How many hosts there are and how many are heard, per datacenter and smaller domain."""

    hosts: Mapping[str, int]
    heard: Mapping[str, int]
    domains: Mapping[str, int]
    regions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A possible owner of the failure, with its evidence; higher `score` first."""

    scope: Scope
    domain: str
    score: float
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    missing: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For the situation's row and for the page."""
        return {
            "scope": self.scope.value,
            "domain": self.domain,
            "score": self.score,
            "for": list(self.supporting),
            "against": list(self.opposing),
            "missing": list(self.missing),
            "unlocks": list(self.unlocks),
            "locks": list(self.locks),
        }

    @property
    def unlocks(self) -> tuple[str, ...]:
        return UNLOCKS[self.scope]

    @property
    def locks(self) -> tuple[str, ...]:
        return LOCKS[self.scope]


@dataclass(frozen=True, slots=True)
class Situation:
    """What belongs together: one incident. `key` stays the same while it lasts and grows.

    `silence`: seconds since the last heartbeat of the host that fell silent first; `places`: how
    many of its hosts stand in each datacenter."""

    key: str
    scope: Scope
    domain: str
    hosts: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    worst: Verdict = Verdict.UNKNOWN
    silence: float = 0.0
    places: tuple[tuple[str, int], ...] = ()

    @property
    def sentence(self) -> str:
        """For the top of a page, and the title of its incident. Of a region it names each of its
        datacenters: one that is lost later than another stands in the incident of that."""
        if self.scope is Scope.HOST:
            return SAID[self.worst].format(self.domain)
        count = len(self.hosts)
        said = f"{self.domain}: {count} host{'s' if count != 1 else ''} {COUNTED[self.worst]}"
        if self.scope is not Scope.REGION:
            return said
        return f"{said} ({', '.join(f'{hosts} in {place}' for place, hosts in self.places)})"


def situations(
    patients: Sequence[Patient], census: Census, blind: Blindness
) -> tuple[Situation, ...]:
    """The situations of this moment, the widest first. While blind there is only one: us."""
    if blind and not blind.starting:
        return (_blind(patients, census, blind),)
    found = [
        _situation(scope, domain, group, census)
        for scope, domain, group in _groups(patients, census)
    ]
    order = list(Scope)
    return tuple(sorted(found, key=lambda one: (-order.index(one.scope), one.domain)))


_Group = tuple[Scope, str, list[Patient]]


def _groups(patients: Sequence[Patient], census: Census) -> list[_Group]:
    """Widest explanation that is complete: all datacenters of a region, a datacenter, a rack."""
    by_place: dict[str, list[Patient]] = defaultdict(list)
    for patient in sorted(patients, key=lambda one: one.host):
        by_place[patient.datacenter].append(patient)
    whole = {place for place, group in by_place.items() if len(group) >= census.hosts.get(place, 0)}
    found: list[_Group] = []
    for region in sorted({census.regions[place] for place in whole if census.regions.get(place)}):
        members = [place for place in census.hosts if census.regions.get(place) == region]
        if len(members) > 1 and whole.issuperset(members):
            found.append(
                (Scope.REGION, region, [one for place in members for one in by_place.pop(place)])
            )
    for place, group in sorted(by_place.items()):
        found.extend(
            [(Scope.DATACENTER, place, group)] if place in whole else _smaller(group, census)
        )
    return found


def _smaller(group: list[Patient], census: Census) -> list[_Group]:
    """Within a datacenter: failure domains lost whole (two hosts at least), then single hosts."""
    found: list[_Group] = []
    left = list(group)
    for domain in sorted({name for one in group for name in one.domains}):
        members = [one for one in left if domain in one.domains]
        if len(members) > 1 and len(members) >= census.domains.get(domain, 0):
            found.append((Scope.RACK, domain, members))
            left = [one for one in left if domain not in one.domains]
    found.extend((Scope.HOST, one.name, [one]) for one in left)
    return found


def _situation(scope: Scope, domain: str, group: list[Patient], census: Census) -> Situation:
    hypotheses = [_of_scope(scope, domain, group, census), _partition(domain, group)]
    if scope is not Scope.HOST:
        hypotheses.append(_independent(domain, group))
    hypotheses.append(_ourselves(group, census))
    ranked = tuple(sorted(hypotheses, key=lambda one: (-one.score, one.scope)))
    hosts = tuple(one.host for one in group)
    worst = next(kind for kind in SAID if any(one.verdict is kind for one in group))
    silence = max(one.silence for one in group)
    places = tuple(sorted(Counter(one.datacenter for one in group).items()))
    key = f"{scope.value}:{domain}"
    return Situation(key, scope, domain, hosts, ranked, worst, silence, places)


def _hypothesis(
    scope: Scope,
    domain: str,
    weight: float,
    *,
    supporting: Sequence[str] = (),
    opposing: Sequence[str] = (),
    missing: Sequence[str] = (),
) -> Hypothesis:
    """`weight` is a share between 0 and 1; each missing fact takes a tenth of it away."""
    score = round(weight * 0.9 ** len(missing), 3)
    return Hypothesis(scope, domain, score, tuple(supporting), tuple(opposing), tuple(missing))


def _of_scope(scope: Scope, domain: str, group: list[Patient], census: Census) -> Hypothesis:
    confirmed = [one for one in group if one.verdict in (Verdict.LOST, Verdict.HUNG)]
    seen = [one for one in group if one.verdict in (Verdict.ISOLATED, Verdict.AGENT_DOWN)]
    supporting = [f"independent observers find {len(confirmed)} of {len(group)} lost or hung"]
    if scope is Scope.HOST:
        supporting = ["independent observers in other failure domains meet silence too"]
    else:
        supporting.append(f"every host of {domain} is silent")
    opposing = [f"{_are(len(seen))} seen alive by peers"] if seen else []
    waiting = len(group) - len(confirmed) - len(seen)
    missing = [f"a verdict on {waiting}"] if waiting else []
    weight = 1.0 - len(seen) / len(group)
    if not confirmed:
        supporting = supporting[1:]
    return _hypothesis(
        scope, domain, weight, supporting=supporting, opposing=opposing, missing=missing
    )


def _partition(domain: str, group: list[Patient]) -> Hypothesis:
    seen = [one for one in group if one.verdict is Verdict.ISOLATED]
    unseen = [one for one in group if one.verdict in (Verdict.LOST, Verdict.HUNG)]
    supporting = [f"{_are(len(seen))} silent to us and seen by peers"] if seen else []
    opposing = [f"{_are(len(unseen))} silent to independent observers too"] if unseen else []
    return _hypothesis(
        Scope.PARTITION, domain, len(seen) / len(group), supporting=supporting, opposing=opposing
    )


def _are(hosts: int) -> str:
    return "1 host is" if hosts == 1 else f"{hosts} hosts are"


def _independent(domain: str, group: list[Patient]) -> Hypothesis:
    said = [f"{len(group)} hosts of one domain at once is no coincidence"]
    return _hypothesis(Scope.HOST, domain, 0.05, opposing=said)


def _ourselves(group: list[Patient], census: Census) -> Hypothesis:
    heard, known = sum(census.heard.values()), sum(census.hosts.values())
    places = sum(1 for count in census.heard.values() if count)
    opposing = [f"{heard} of {known} hosts in {places} datacenters are heard"]
    weight = 0.5 * (1 - heard / known) if known else 0.0
    witnessed = sum(1 for one in group if one.witnesses)
    if witnessed:
        opposing.append(f"observers confirm {witnessed} of {len(group)}")
        weight *= 0.2
    return _hypothesis(Scope.BLIND, "tocsin", weight, opposing=opposing)


def _blind(patients: Sequence[Patient], census: Census, blind: Blindness) -> Situation:
    heard = sum(census.heard.values())
    opposing = [f"{heard} hosts are heard"] if heard else []
    certain = _hypothesis(Scope.BLIND, "tocsin", 1.0, supporting=blind.reasons, opposing=opposing)
    hosts = tuple(sorted(one.host for one in patients))
    return Situation("blind:tocsin", Scope.BLIND, "tocsin", hosts, (certain,))
