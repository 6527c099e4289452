"""What of an archive may go. Pure.

Invariants: while a database has a restorable backup, it keeps one; what a kept backup and its log
need stays; the moments of the last `days` stay restorable as far as they were; what a backup that
has no manifest or no log yet may still need stays; so does a base that leads to the newest
timeline, while that may be about to speak; a manifest goes before its pieces, so that what is half
removed is no backup. A clock that jumps makes nothing older: between two objects no more
time has passed than `gap`, whatever anybody's clock says, and one that jumps back removes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.core.archive.coverage import Backup, Coverage, Listing, coverage, listings
from recovery.core.archive.names import ManifestName, begun_at, segment_start
from recovery.core.ports.stores import ObjectInfo


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """At least `backups` restorable ones, and whatever the moments of the last `days` need. `gap`:
    from one object to the next at most, while it is archived."""

    backups: int = 2
    days: float = 7.0
    orphans: timedelta = timedelta(days=1)
    gap: timedelta = timedelta(hours=1)


def retention(
    objects: Iterable[ObjectInfo], now: datetime, policy: RetentionPolicy
) -> tuple[str, ...]:
    """Of one database in one store: the names to remove, in this order."""
    everything = tuple(objects)
    lines, _ = listings(everything)
    written = sorted((each.modified for each in everything), reverse=True)
    edge = ago(written, now, timedelta(days=policy.days), policy.gap)
    quiet = ago(written, now, policy.orphans, policy.gap)
    newest = coverage(everything).newest
    gone: list[str] = []
    for line, listing in lines.items():
        ours = tuple(each for each in everything if each.name.startswith(line.prefix))
        seen = coverage(ours)
        gone += _orphans(seen, listing, quiet)
        is_former = newest is not None and newest.name.line != line
        if is_former and _is_over(seen, edge, quiet):
            gone += _all(listing)
        else:
            gone += _outlived(seen, listing, ours, (edge, quiet), policy)
    return tuple(dict.fromkeys(gone))


def ago(written: Sequence[datetime], now: datetime, span: timedelta, gap: timedelta) -> datetime:
    """`span` before `now`, by the time that a store saw pass: walked back through what was written
    (newest first), and no step counts more than `gap`. What comes after `now` tells nothing."""
    here, left = now, span
    for stamp in written:
        if stamp > now:
            continue
        step = min(here - stamp, gap)
        if step >= left:
            return stamp + (step - left)
        here, left = stamp, left - step
    return here - left


def _orphans(seen: Coverage, listing: Listing, before: datetime) -> list[str]:
    """Pieces of backups that were interrupted long ago; one that still grows is being made."""
    ours = {info.name for info in seen.orphans}
    gone: list[str] = []
    for parts in listing.parts.values():
        lonely = [info for info in parts.values() if info.name in ours]
        if lonely and max(info.modified for info in lonely) < before:
            gone += [info.name for info in lonely]
    return gone


def _is_over(seen: Coverage, edge: datetime, quiet: datetime) -> bool:
    """A system that the database no longer has: its last moment is too old for anybody, and nothing
    came lately. One that is new has no moment until its first backup is whole."""
    is_quiet = seen.written is None or seen.written < min(edge, quiet)
    return is_quiet and (seen.moment is None or seen.moment < edge)


def _all(listing: Listing) -> list[str]:
    manifests = [str(each) for each in listing.manifests]
    return manifests + sorted(name for name in listing.sizes if name not in manifests)


def _outlived(
    seen: Coverage,
    listing: Listing,
    ours: tuple[ObjectInfo, ...],
    since: tuple[datetime, datetime],
    policy: RetentionPolicy,
) -> list[str]:
    """`since`: from when on each moment stays, and each timeline that never spoke."""
    edge, quiet = since
    whole = [each for each in seen.backups if each.is_restorable]
    kept = _kept(whole, edge, policy, {info.name: info.modified for info in ours})
    leads = _leads_to(listing, whole, quiet)
    waiting = [
        each
        for each in seen.backups
        if not each.is_restorable and listing.came[str(each.name)] >= quiet
    ]
    while kept:
        gone = _before(seen, listing, kept, waiting)
        is_led_to = _leads_to(listing, kept, quiet) == leads
        if len(kept) == len(whole) or (is_led_to and _keeps(seen, ours, gone, edge)):
            return gone
        # A promotion may have left an older log than the newest backups were taken from.
        kept = whole[-len(kept) - 1 :]
    return []


def _leads_to(listing: Listing, backups: list[Backup], quiet: datetime) -> int:
    """The newest timeline that begins from one of these, whether or not anything of it came yet.
    One that began long ago and never said a word is nobody's."""
    log = listing.log
    silent = {
        timeline
        for timeline, history in log.histories.items()
        if listing.came[str(history)] < quiet and not any(log.own(timeline))
    }
    led = (each.chain.timelines - silent for each in backups)
    return max((max(timelines, default=0) for timelines in led), default=0)


def _before(
    seen: Coverage, listing: Listing, kept: list[Backup], waiting: list[Backup]
) -> list[str]:
    """Backups older than all that are kept, and the log that none of these needs. `waiting`: those
    that came lately and whose log may still come."""
    oldest = min(each.name.backup for each in kept)
    stays = [*kept, *waiting]
    gone = [each for each in seen.backups if each.name.backup < oldest and each not in stays]
    names = [str(each.name) for each in gone]
    for each in gone:
        names += [info.name for _, info in sorted(listing.parts[each.name.backup].items())]
    bases = [each.name for each in stays if each.name.kind == "base"]
    return names + (_log(listing, bases) if bases else [])


def _keeps(seen: Coverage, ours: tuple[ObjectInfo, ...], gone: list[str], edge: datetime) -> bool:
    """Whether the newest moment and every one since the edge stay restorable without these."""
    names = set(gone)
    after = coverage(each for each in ours if each.name not in names)
    return after.moment == seen.moment and _since(after, edge) == _since(seen, edge)


def _since(seen: Coverage, edge: datetime) -> list[tuple[datetime, datetime]]:
    return [(max(begin, edge), end) for begin, end in seen.windows if end >= edge]


def _kept(
    whole: list[Backup], edge: datetime, policy: RetentionPolicy, came: dict[str, datetime]
) -> list[Backup]:
    """Oldest first: the newest ones, those of the last days, and the one that these begin from. One
    that came lately is young, whatever the clock said by which it was named."""
    young = [
        each
        for each in whole
        if max(begun_at(each.name.backup) or edge, came[str(each.name)]) >= edge
    ]
    count = max(policy.backups, len(young) + 1, 1)
    return whole[-count:]


def _log(listing: Listing, bases: list[ManifestName]) -> list[str]:
    """What ends before the oldest kept base begins. Two things stay that end there: what ends just
    where it begins, for it may be what proves its moment; and timelines that none of these is of,
    for a backup that is being made may begin there, at a lower position."""
    begin = min(segment_start(each.start) for each in bases)
    newest = max(each.timeline for each in bases)
    timelines = (chunks for each, chunks in listing.log.chunks.items() if each <= newest)
    return [str(each) for chunks in timelines for each in chunks if each.stop < begin]
