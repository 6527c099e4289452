"""What goes back after a run: exactly what it moved, as far as that is still where it can be moved
from. Pure.

Invariants: whatever the run moved is in the plan or out of it, with a reason; nothing else is in
it; what was moved again since is taken from where it is now, never from where the run put it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from recovery.drp.plan import EXPORT, FOLLOWS, Choice, Move, Target, TargetType
from recovery.drp.planning.storing import StoreSight, choose_stores


class How(StrEnum):
    """What the run did to it."""

    PROMOTED = "promoted"
    RESTORED = "restored"
    PLACED = "placed"


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing that a run moved, by its journal. `site`, `host`: where it was before; `copy`: the
    ordinal of an application's; `epoch`: to which it brought it (a copy: the generation); `until`:
    when it stopped leading there; `left`: what a restore left on the hosts that it had."""

    how: How
    id: str
    name: str
    site: str
    host: str
    copy: int = 0
    epoch: int = 0
    until: datetime | None = None
    left: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What a copy that came back holds and its primary lacks, as far as its agent told. `why`: it
    cannot be known, and why not; empty: it was compared, or was a standby. `is_compared`: its agent
    did; one that led is, or `why` says why not. `follows`: it may follow by itself; what only it
    had its agent has kept."""

    replica: str
    host: str
    alone: str = ""
    why: str = ""
    has_led: bool = True
    is_compared: bool = False
    follows: bool = False

    @property
    def is_by_another(self) -> bool:
        """All that is known of it: it holds no more than the one that led then."""
        is_told = self.has_led or self.is_compared or self.follows
        return not (is_told or self.why or self.alone)

    @property
    def is_fine(self) -> bool:
        """Nothing is lost with it, as long as what `is_by_another` stands beside that one."""
        return self.follows or (not self.alone and not self.why)

    @property
    def said(self) -> str:
        where = f"{self.replica} on {self.host}"
        if self.follows:
            had = f", and came back with what only it had: {self.alone}" if self.alone else ""
            return f"{where} {FOLLOWS}{had}"
        if self.why:
            return f"{where}: not known: {self.why}"
        if self.alone:
            return f"{where}: {self.alone}"
        if self.is_by_another:
            return f"{where} was a standby: all that it holds came from the primary of then"
        return f"{where} holds nothing that the primary lacks"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a database is led from now, or a copy runs. `epoch`: as in `Trace`; `copies`: of a
    database, by datacenter, what each holds."""

    site: str
    host: str
    epoch: int
    copies: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Present:
    """What there is now. `databases` by id; `copies`: of each application by id its wanted copies,
    None where one runs nowhere; `versions`: of both, as plans name them; `stores`: of databases."""

    databases: Mapping[str, Seat]
    copies: Mapping[str, Mapping[int, Seat | None]]
    versions: Mapping[str, int] = field(default_factory=dict)
    stores: Mapping[str, tuple[StoreSight, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Back:
    """What goes back, and what does not. `number`, `name`: of the run that moved it; `settled`:
    keys of databases of which each copy there follows already."""

    number: int
    name: str
    moves: tuple[Move, ...]
    out: tuple[tuple[Target, str], ...]
    settled: frozenset[str] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(move.target.key for move in self.moves)


@dataclass(frozen=True, slots=True)
class Way:
    """Of which run; out of which datacenter, back into which. `keep`: databases, by id, of which
    what their copies there hold is to be kept; None: of all of which it is not known to be nothing.
    `export`: of which it goes into a store first, and what becomes of it is decided afterwards.
    """

    number: int
    name: str
    out_of: str
    into: str
    keep: frozenset[str] | None = None
    export: frozenset[str] = frozenset()


def way_back(way: Way, traces: Iterable[Trace], present: Present) -> Back:
    """By name; `moves` is empty where nothing of it goes back."""
    databases, copies = _grouped(traces)
    judged = [
        *(_database(way, traces_of, present) for _, traces_of in sorted(databases.items())),
        *(_application(way, traces_of, present) for _, traces_of in sorted(copies.items())),
    ]
    moves = tuple(one for one in judged if isinstance(one, Move))
    return Back(
        way.number,
        way.name,
        moves,
        tuple(one for one in judged if not isinstance(one, Move)),
        frozenset(one.target.key for one in moves if _is_settled(way, one.target, present)),
    )


def _is_settled(way: Way, target: Target, present: Present) -> bool:
    seat = present.databases.get(target.id)
    return seat is not None and all(one.follows for one in seat.copies.get(way.into, ()))


def places_now(traces: Iterable[Trace], present: Present, *, but: str) -> tuple[str, ...]:
    """Where the databases that a run moved are now, by name, but in the datacenter that it left;
    without any, where most of the copies are: a plan leaves one, and copies go from everywhere."""
    led: set[str] = set()
    run: Counter[str] = Counter()
    for trace in traces:
        if trace.how is not How.PLACED:
            seat = present.databases.get(trace.id)
            led |= {seat.site} if seat and seat.site != but else set()
        elif (seat := present.copies.get(trace.id, {}).get(trace.copy)) and seat.site != but:
            run[seat.site] += 1
    return tuple(sorted(led)) or tuple(sorted(run, key=lambda site: (-run[site], site)))[:1]


Named = dict[tuple[str, str], list[Trace]]


def _grouped(traces: Iterable[Trace]) -> tuple[Named, Named]:
    """By name and id: databases, applications."""
    databases: Named = {}
    copies: Named = {}
    for trace in traces:
        group = copies if trace.how is How.PLACED else databases
        group.setdefault((trace.name, trace.id), []).append(trace)
    return databases, copies


# ---------------------------------------------------------------------- databases


def _database(way: Way, traces: list[Trace], present: Present) -> Move | tuple[Target, str]:
    first, last = traces[0], traces[-1]
    target = _target("database", first, present)
    now = present.databases.get(first.id)
    if now is None:
        return target, "it is retired since"
    if why := _not_back(way, first, now, "is led from"):
        return target, why
    if now.site != way.out_of:
        said = f"it was moved again since, to {now.site}: it is in a plan that leaves that one"
        return target, said
    if way.into not in now.copies:
        if last.how is How.RESTORED:
            said = f"it was restored elsewhere, and no copy in {way.into} follows it"
            more = f". {last.left.rstrip('.')}" if last.left else ""
            return target, f"{said}: a person moves it, with its owner{more}"
        said = f"it was promoted elsewhere, and no copy of it is left in {way.into}"
        return target, f"{said}: a person moves it, with its owner"
    since = "" if now.epoch == last.epoch else f" Moved again since: it is led from {now.host} now."
    upto = f" until {first.until:%Y-%m-%d %H:%M:%S} UTC" if first.until else ""
    reason = f"{way.name} {last.how} it: it was led from {first.host or way.into}{upto}.{since}"
    held = _weighed(now.copies[way.into])
    choice = _choice(way, first.id, may_lose=not all(one.is_fine for one in held))
    if all(one.follows for one in held):
        choice = "discard"  # there is nothing left that could be put aside, or read
    stores = present.stores.get(first.id, ()) if choice == EXPORT else None
    goes = choose_stores(stores, back=way.into) if stores is not None else None
    return Move(
        target,
        before=first.host or way.into,
        reason=reason,
        held="; ".join(one.said for one in held) + ".",
        choice=choice,
        stores=goes.names if goes else (),
        where=goes.said if goes else "",
    )


def _choice(way: Way, database: str, *, may_lose: bool) -> Choice:
    if database in way.export:
        return "export"
    keeps = may_lose if way.keep is None else database in way.keep
    return "keep" if keeps else "discard"


def _weighed(held: tuple[Held, ...]) -> tuple[Held, ...]:
    """A standby may have taken what its primary of then sent and the one of now never got; that one
    tells it, or nobody."""
    if any(one.has_led for one in held):
        return held
    why = "it was a standby, nobody compared it yet, and no copy that led is there to tell"
    return tuple(replace(one, why=why) if one.is_by_another else one for one in held)


def _not_back(way: Way, trace: Trace, now: Seat, does: str) -> str:
    """Why it does not go this way; empty where it does."""
    if trace.site != way.into:
        return f"it was in {trace.site} before, and not in {way.into}"
    if now.site == way.into:
        return f"it {does} {way.into} again"
    return ""


# ---------------------------------------------------------------------- applications


def _application(way: Way, traces: list[Trace], present: Present) -> Move | tuple[Target, str]:
    """Its copies one by one: it goes back with those that can."""
    first = traces[0]
    target = _target("application", first, present)
    copies = present.copies.get(first.id)
    if copies is None:
        return target, "it is retired since"
    newest = {trace.copy: trace for trace in traces}
    going: dict[int, str] = {}
    staying: dict[int, str] = {}
    for ordinal, trace in sorted(newest.items()):
        if why := _copy_stays(way, trace, copies):
            staying[ordinal] = why
        else:
            going[ordinal] = trace.host or way.into
    told = "; ".join(f"copy {ordinal}: {why}" for ordinal, why in staying.items())
    if not going:
        return target, told
    where = ", ".join(f"copy {ordinal} was on {host}" for ordinal, host in going.items())
    rest = f" Stays: {told}." if told else ""
    again = [n for n in going if (seat := copies[n]) and seat.epoch != newest[n].epoch]
    since = f" Moved again since: {', '.join(f'copy {n}' for n in again)}." if again else ""
    return Move(
        target,
        copies=tuple(going),
        before=", ".join(dict.fromkeys(going.values())),
        reason=f"{way.name} placed it: {where}.{since}{rest}",
    )


def _copy_stays(way: Way, trace: Trace, copies: Mapping[int, Seat | None]) -> str:
    if trace.copy not in copies:
        return "it is wanted no more"
    now = copies[trace.copy]
    if now is None:
        return "it runs nowhere now, and rescheduling finds it a host"
    return _not_back(way, trace, now, "runs in")  # it goes from wherever scheduling placed it


def _target(type: TargetType, trace: Trace, present: Present) -> Target:
    epoch = present.versions.get(trace.id, 0)
    return Target(type, trace.id, trace.name, epoch, "production")
