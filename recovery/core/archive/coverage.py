"""What an archive holds, read from a listing alone: what can be restored, up to when. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from recovery.core.archive.names import (
    Chunk,
    History,
    Line,
    ManifestName,
    Part,
    begun_at,
    lsn_text,
    milliseconds,
    parse,
)
from recovery.core.archive.reigns import Reign, Stretch, reigns, stretches
from recovery.core.archive.timelines import Chain, Log, Reach
from recovery.core.ports.stores import ObjectInfo


@dataclass(frozen=True, slots=True)
class Backup:
    """A base backup or snapshot with a manifest, and the log that follows it without a gap.

    `moment`: every commit acknowledged up to then comes back; None: it cannot be restored, and
    `problem` says why. A whole one may have a `problem` too: why its log ends early. `came`: when
    it was all there, by the store's clock. `stretches`: the moments that can be asked for, each
    with the chain by which it comes back; none where only its newest state does. `first`: the
    first of them, which its log may not have come to yet.
    """

    name: ManifestName
    bytes: int
    chain: Chain
    problem: str
    moment: datetime | None
    came: datetime
    stretches: tuple[Stretch, ...] = ()
    first: datetime | None = None

    @property
    def holds(self) -> datetime | None:
        """By what it is compared with others: nothing can be in it that was written after it came,
        so what a clock that stood ahead has named is no newer than that."""
        return min(self.moment, self.came) if self.moment else None

    @property
    def is_restorable(self) -> bool:
        return self.moment is not None

    @property
    def order(self) -> tuple[int, int, int, int, str]:
        """The one that brings back most is the last; of equal ones the one with least to replay."""
        reach = self.chain.reach
        moment = milliseconds(self.holds)
        return reach.timeline, reach.lsn, moment, self.name.start, self.name.backup


@dataclass(frozen=True, slots=True)
class Cut:
    """Between `last` and `first`, both of which can be asked for, nothing tells what was served.
    `opens`: from when on every moment up to `last` can be."""

    opens: datetime
    last: datetime
    first: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """`backups`: oldest first. `newest`: the one that a restore of now would use. `missing`: a
    sentence for each thing whose lack makes something useless. `orphans`: pieces of backups
    without a manifest: running, or interrupted. `strangers`: names that are none of ours. `heirs`:
    the first moments of timelines that cut something away."""

    backups: tuple[Backup, ...]
    newest: Backup | None
    missing: tuple[str, ...]
    orphans: tuple[ObjectInfo, ...]
    strangers: tuple[str, ...]
    objects: int
    bytes: int
    written: datetime | None
    """When the newest object came, by the store's clock."""
    heirs: frozenset[datetime] = frozenset()

    @property
    def moment(self) -> datetime | None:
        """The newest restorable moment."""
        return self.newest.moment if self.newest else None

    @property
    def reach(self) -> Reach | None:
        """The newest restorable position of the log."""
        return self.newest.chain.reach if self.newest else None

    @property
    def windows(self) -> tuple[tuple[datetime, datetime], ...]:
        """The moments that can be asked for, joined where they touch, oldest first."""
        found: list[tuple[datetime, datetime]] = []
        every = ((one.begin, one.end) for each in self.backups for one in each.stretches)
        for begin, end in sorted(every):
            if found and begin <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], end)
            else:
                found.append((begin, end))
        return tuple(found)

    @property
    def opens(self) -> datetime | None:
        """From when on every moment up to the newest can be asked for, but for those of `cuts`. The
        newest may be before it as long as the log has not come so far; it is followed further."""
        if self.cuts:
            return self.cuts[0].opens
        if self.windows:
            return self.windows[-1][0]
        return self.newest.first if self.newest else None

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Where one timeline gave way to another that had not its end, oldest first; those before
        a lack of the log are not among them."""
        found: list[Cut] = []
        for before, after in reversed(list(pairwise(self.windows))):
            if after[0] not in self.heirs:
                break
            found.append(Cut(before[0], before[1], after[0]))
        return tuple(reversed(found))


@dataclass(slots=True)
class Listing:
    """A listing sorted by what the names mean, one for each line."""

    manifests: list[ManifestName] = field(default_factory=list)
    parts: dict[str, dict[int, ObjectInfo]] = field(default_factory=lambda: defaultdict(dict))
    log: Log = field(default_factory=Log)
    sizes: dict[str, int] = field(default_factory=dict)
    came: dict[str, datetime] = field(default_factory=dict)

    def add(self, found: Part | ManifestName | Chunk | History, info: ObjectInfo) -> None:
        self.sizes[info.name] = info.size
        self.came[info.name] = max(info.modified, self.came.get(info.name, info.modified))
        match found:
            case ManifestName():
                self.manifests.append(found)
            case Part():
                self.parts[found.backup][found.number] = info
            case _:
                self.log.add(found)

    @property
    def orphans(self) -> tuple[ObjectInfo, ...]:
        named = {each.backup for each in self.manifests}
        lonely = (parts for backup, parts in self.parts.items() if backup not in named)
        return tuple(info for parts in lonely for info in parts.values())


def listings(objects: Iterable[ObjectInfo]) -> tuple[dict[Line, Listing], tuple[str, ...]]:
    """Of every line, and the names that are none of ours."""
    found: dict[Line, Listing] = defaultdict(Listing)
    strangers: list[str] = []
    for info in objects:
        name = parse(info.name)
        if name is None:
            strangers.append(info.name)
        else:
            found[name.line].add(name, info)
    for listing in found.values():
        listing.log.sort()
    return dict(found), tuple(strangers)


def coverage(objects: Iterable[ObjectInfo]) -> Coverage:
    """Of one database in one store: all its objects, in any order."""
    everything = tuple(objects)
    lines, strangers = listings(everything)
    backups: list[Backup] = []
    newest: list[Backup] = []
    missing: list[str] = []
    heirs: set[datetime] = set()
    for listing in lines.values():
        last = max(listing.came.values())
        known = reigns(listing.log, listing.manifests)
        heirs |= {each.heir for each in known if each.heir}
        found = (_backup(each, listing, last, known) for each in listing.manifests)
        ours = sorted(found, key=lambda each: each.order)
        backups += ours
        newest += [each for each in ours if each.is_restorable][-1:]
        missing += _missing(ours, listing)
    return Coverage(
        backups=tuple(sorted(backups, key=lambda each: (each.name.backup, each.name.line))),
        newest=max(newest, key=lambda each: milliseconds(each.holds), default=None),
        missing=tuple(dict.fromkeys(missing)),
        orphans=tuple(info for listing in lines.values() for info in listing.orphans),
        strangers=strangers,
        objects=len(everything),
        bytes=sum(info.size for info in everything),
        written=max((info.modified for info in everything), default=None),
        heirs=frozenset(heirs),
    )


def _backup(
    name: ManifestName, listing: Listing, last: datetime, known: tuple[Reign, ...]
) -> Backup:
    """`last`: when the newest object of its line came; a base reaches as far as its log."""
    came = listing.came[str(name)] if name.kind == "snapshot" else last
    parts = listing.parts.get(name.backup, {})
    size = listing.sizes[str(name)] + sum(info.size for info in parts.values())
    lost = [number for number in range(name.parts) if number not in parts]
    chain = listing.log.chain(name) if name.kind == "base" else Chain(Reach(0, 0, name.moment))
    problem, moment = chain.gap, chain.reach.moment or begun_at(name.backup)
    if lost:
        problem = f"piece {lost[0]} of {name.parts} of backup {name.backup} is missing"
    elif name.kind == "base" and (chain.reach.lsn < name.stop or not chain.chunks):
        problem = chain.gap or f"backup {name.backup} lacks its log up to {lsn_text(name.stop)}"
    else:
        found = stretches(listing.log, name, chain, known) if name.kind == "base" else ()
        first = _first(name, chain, known)
        return Backup(name, size, chain, problem, moment, came, tuple(found), first)
    return Backup(name, size, chain, problem, None, came)


def _first(name: ManifestName, chain: Chain, known: tuple[Reign, ...]) -> datetime | None:
    """Of a base: where it ended, or where the timeline that it follows began to be served."""
    if name.kind != "base" or name.moment is None:
        return None
    begun = (each.begin for each in known if each.timeline == chain.reach.timeline)
    return max([name.moment, *begun])


def _missing(backups: list[Backup], listing: Listing) -> list[str]:
    log = listing.log
    found = [each.problem for each in backups if each.problem]
    for timeline, chunks in sorted(log.chunks.items()):
        has_history = timeline in log.histories or timeline in log.forked
        if timeline > 1 and not has_history and not _begins(timeline, backups):
            lost = f"its {len(chunks)} chunks are useless"
            found.append(f"timeline {timeline} has no history: {lost}")
    return found + log.twice


def _begins(timeline: int, backups: list[Backup]) -> bool:
    return any(each.name.timeline == timeline for each in backups)
