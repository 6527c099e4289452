"""What a condition says of the live inventory, with the figures that it rests on. Pure.

Invariant: nothing to look at is never fine: a condition about nobody says so and does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from recovery.backups.words import counted, joined
from recovery.drp.runbooks.kinds import Condition

ALL = 100
NAMED = 3


@dataclass(frozen=True, slots=True)
class HostLook:
    """`is_heard`: alive and trusted; `is_gone`: nobody expects it; `free`: MiB that it takes."""

    name: str
    site: str
    is_heard: bool
    is_gone: bool
    free: int = 0


@dataclass(frozen=True, slots=True)
class ServiceLook:
    """A database or an application. `is_serving`: users are answered, elsewhere than in what is
    left; `is_whole`: it has its second copy; `is_restorable`: a copy outside what is left can be
    restored; `is_fenced`: it is proven that nobody can write to it in what is left; `needs`: MiB
    that would have to be found elsewhere."""

    key: str
    name: str
    site: str
    is_serving: bool
    is_whole: bool
    is_restorable: bool = True
    is_fenced: bool = False
    needs: int = 0


@dataclass(frozen=True, slots=True)
class Unfit:
    """Copies of an application that find no host elsewhere, and why; `needs`: of each;
    `memory_mib`: of all of them."""

    name: str
    copies: int
    needs: str
    reason: str
    memory_mib: int

    @property
    def said(self) -> str:
        return (
            f"{self.name} ({counted(self.copies, 'container')}, each {self.needs}): {self.reason}"
        )


@dataclass(frozen=True, slots=True)
class Serving:
    """What users get from a host of what is left, or (not `is_seen`: it is silent) may get."""

    key: str
    name: str
    host: str
    is_seen: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """`blind`: why Tocsin does not trust its own eyes; `frozen`: why automation is paused; `only`:
    keys of the services that are asked about, empty: all of what is left; `out`: keys of those that
    the plan leaves as they are, `leaving`: so in a sentence; `unfit`: what finds no host elsewhere,
    where that was asked; `anywhere`: containers go wherever there is room, not into `into` alone;
    `room`: where there has to be some, in words, if not in `into`; `absent`: kinds of which the
    plan moves nothing back, though something of another kind; `serving`: what serves users in what
    is left, None: nobody looked."""

    lost: str
    into: str
    hosts: Collection[HostLook]
    services: Collection[ServiceLook]
    blind: str = ""
    frozen: str = ""
    only: frozenset[str] = frozenset()
    out: frozenset[str] = frozenset()
    leaving: str = ""
    unfit: tuple[Unfit, ...] = ()
    anywhere: bool = False
    room: str = ""
    absent: frozenset[str] = frozenset()
    serving: tuple[Serving, ...] | None = None

    def asked(self, kind: str) -> list[ServiceLook]:
        """The services of this kind that the question is about."""
        return [
            one
            for one in self.services
            if one.key.startswith(f"{kind}:") and (not self.only or one.key in self.only)
        ]

    def hosts_of(self, site: str) -> list[HostLook]:
        return [one for one in self.hosts if one.site == site]


@dataclass(frozen=True, slots=True)
class Look:
    """`share`: of 100, how much of it holds."""

    share: int
    said: str

    def holds(self, at_least: int = ALL) -> bool:
        return self.share >= at_least


def look(condition: Condition, world: World) -> Look:
    """As the rows have it now."""
    return _LOOKS[condition](world)


def _counted(fine: Collection[object], names: list[str], total: int, what: str) -> Look:
    """So many of so many; who is missing is named."""
    if not total:
        return Look(0, f"There is nothing to look at: no {what}.")
    missing = f" Not yet: {', '.join(names[:3])}." if names else ""
    more = f" And {len(names) - 3} more." if len(names) > 3 else ""
    return Look(len(fine) * ALL // total, f"{len(fine)} of {total} {what}.{missing}{more}")


def _silent(world: World) -> Look:
    hosts = world.hosts_of(world.lost)
    gone = [one for one in hosts if one.is_gone]
    rest = [one.name for one in hosts if not one.is_gone]
    return _counted(gone, rest, len(hosts), f"hosts of {world.lost} are lost")


def _back(world: World) -> Look:
    return _heard(world, world.lost)


def _there(world: World) -> Look:
    """Not behind a fence: its hosts would be heard and not trusted."""
    return _heard(world, world.into)


def _heard(world: World, site: str) -> Look:
    hosts = world.hosts_of(site)
    heard = [one for one in hosts if one.is_heard]
    rest = [one.name for one in hosts if not one.is_heard]
    return _counted(heard, rest, len(hosts), f"hosts of {site} answer and are trusted")


def _sees(world: World) -> Look:
    return Look(0, world.blind) if world.blind else Look(ALL, "Tocsin sees.")


def _frozen(world: World) -> Look:
    said = world.frozen
    return Look(ALL, f"Automation is paused: {said}") if said else Look(0, "Automation runs.")


def _room(world: World) -> Look:
    """The share of the memory that is needed for which there is a host: some that is free, and none
    that the scheduler refuses for another reason. It is about what the plan takes; what it leaves
    was named by whoever started it, and is said beside it."""
    there = sum(one.free for one in world.hosts_of(world.into) if one.is_heard)
    free = there + _free_elsewhere(world)
    rows = [one for one in _taken(world, "application") if one.needs]
    needs = sum(one.needs for one in rows)
    if not needs:
        return Look(ALL, _but(f"Nothing of {world.lost} needs room elsewhere.", world))
    said = f"{needs} MiB are needed, {there} MiB are free {world.room or f'in {world.into}'}"
    said += f" and {free - there} MiB elsewhere" if free > there else ""
    said += f".{_not_in(rows, free)}"
    lacks = [one for one in world.unfit if one.name in {row.name for row in rows}]
    if lacks:
        more = f"; and {len(lacks) - NAMED} more" if len(lacks) > NAMED else ""
        said += f" Memory is not all: {'; '.join(one.said for one in lacks[:NAMED])}{more}."
    fits = needs - sum(one.memory_mib for one in lacks)
    return Look(max(0, min(ALL, free * ALL // needs, fits * ALL // needs)), _but(said, world))


def _free_elsewhere(world: World) -> int:
    """Where else the scheduler may place what was lost."""
    rest = (one for one in world.hosts if one.site not in {world.lost, world.into})
    return sum(one.free for one in rest if one.is_heard) if world.anywhere else 0


def _not_in(rows: list[ServiceLook], free: int) -> str:
    """Who finds no room, where they come in the order of these rows."""
    out: list[ServiceLook] = []
    for one in rows:
        if one.needs > free:
            out.append(one)
        else:
            free -= one.needs
    named = ", ".join(f"{one.name} ({one.needs} MiB)" for one in out[:NAMED])
    more = f" and {len(out) - NAMED} more" if len(out) > NAMED else ""
    return f" No room for {named}{more}." if out else ""


def _taken(world: World, kind: str) -> list[ServiceLook]:
    """What is led in what is left, and is taken by a step of the plan."""
    rows = [one for one in world.asked(kind) if one.site == world.lost]
    return [one for one in rows if one.key not in world.out]


def _but(said: str, world: World) -> str:
    """A figure is never about what the plan leaves out."""
    return f"{said} {world.leaving}".strip()


def _restorable(world: World) -> Look:
    rows = _taken(world, "database")
    if not rows and world.out:
        return Look(ALL, _but("No database is brought back by a step.", world))
    fine = [one for one in rows if one.is_restorable]
    rest = [one.name for one in rows if not one.is_restorable]
    what = "databases have a copy elsewhere that can be restored"
    found = _counted(fine, rest, len(rows), what)
    return Look(found.share, _but(found.said, world))


def _serve(world: World) -> Look:
    return _serving(world, "database", "databases accept writes")


def _answer(world: World) -> Look:
    return _serving(world, "application", f"applications answer outside {world.lost}")


def _serving(world: World, kind: str, what: str) -> Look:
    rows = world.asked(kind)
    if not rows and kind in world.absent:
        return Look(ALL, f"The plan moves no {kind}.")
    fine = [one for one in rows if one.is_serving]
    return _counted(fine, [one.name for one in rows if not one.is_serving], len(rows), what)


def _whole(world: World) -> Look:
    rows = world.asked("database") + world.asked("application")
    fine = [one for one in rows if one.is_whole]
    rest = [one.name for one in rows if not one.is_whole]
    return _counted(fine, rest, len(rows), "services have all their copies")


def _fenced(world: World) -> Look:
    """Each database of what is left is proven not to be written to; one that only does not serve
    us may serve whoever is cut off with it."""
    rows = [one for one in world.asked("database") if one.site == world.lost]
    fine = [one for one in rows if one.is_fenced]
    rest = [one.name for one in rows if not one.is_fenced]
    what = f"databases of {world.lost} are proven not to be written to there"
    return _counted(fine, rest, len(rows), what)


def _empty(world: World) -> Look:
    """The share of its hosts that serve nobody. A standby serves nobody."""
    if world.serving is None:
        return Look(0, f"Nobody looked at what serves in {world.lost}.")
    if not world.serving:
        return Look(ALL, f"Nothing in {world.lost} serves users.")
    hosts = world.hosts_of(world.lost)
    empty = len({one.name for one in hosts} - {one.host for one in world.serving})
    seen = _named([one for one in world.serving if one.is_seen])
    unseen = _named([one for one in world.serving if not one.is_seen])
    said = f"In {world.lost} users are still served by {seen}. " if seen else ""
    if unseen:
        said += f"Whether {world.lost} still serves {unseen} nobody knows: their hosts are silent."
    return Look(min(empty * ALL // max(1, len(hosts)), ALL - 1), said.strip())


def _named(found: Collection[Serving]) -> str:
    return " and ".join(
        f"{counted(len(names), kind)} ({joined(tuple(sorted(names)), NAMED)})"
        for kind in ("database", "application")
        if (names := {one.name for one in found if one.key.startswith(kind)})
    )


_LOOKS: Mapping[Condition, Callable[[World], Look]] = {
    Condition.DATACENTER_IS_SILENT: _silent,
    Condition.DATACENTER_IS_BACK: _back,
    Condition.DESTINATION_IS_THERE: _there,
    Condition.DATACENTER_IS_FENCED: _fenced,
    Condition.TOCSIN_SEES: _sees,
    Condition.AUTOMATION_IS_FROZEN: _frozen,
    Condition.CAPACITY_IS_THERE: _room,
    Condition.COPIES_ARE_RESTORABLE: _restorable,
    Condition.DATABASES_SERVE: _serve,
    Condition.APPLICATIONS_ANSWER: _answer,
    Condition.REDUNDANCY_IS_WHOLE: _whole,
    Condition.DATACENTER_IS_EMPTY: _empty,
}
