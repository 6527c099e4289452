"""What a restore has to fetch, or why there can be none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery.core.archive.coverage import Backup, Coverage, coverage
from recovery.core.archive.manifest import Manifest
from recovery.core.archive.names import Chunk, History, ManifestName
from recovery.core.archive.timelines import Chain, proves
from recovery.core.ports.stores import ObjectInfo


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """`name`: of the manifest. `manifest`: None until it was read; then its pieces were compared
    with the listing. `chunks`: of the log, in order, without marks. `histories`: up to that of the
    timeline that is recovered to, which was served at that moment. `to`: None is the newest.
    `moment`: every commit acknowledged up to then comes back. `due`: the position that has to be
    replayed for it, marks counted."""

    name: ManifestName
    manifest: Manifest | None
    chunks: tuple[Chunk, ...]
    histories: tuple[History, ...]
    to: datetime | None
    moment: datetime
    due: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(str(self.name.part(number)) for number in range(self.name.parts))


@dataclass(frozen=True, slots=True)
class Refusal:
    """`newest`: the newest moment that can be restored all the same; `windows`: all of them."""

    reason: str
    newest: datetime | None = None
    windows: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def sentence(self) -> str:
        """The reason and what is possible instead."""
        if self.newest is None:
            return f"{self.reason}. Nothing can be restored from here."
        return f"{self.reason}. The newest moment that can be restored is {told(self.newest)}."


def told(moment: datetime) -> str:
    """For people: 2026-11-28 18:23:11.250 UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def plan_restore(
    objects: Iterable[ObjectInfo],
    manifests: Mapping[str, Manifest],
    to: datetime | None = None,
) -> RestorePlan | Refusal:
    """Of one database in one store, to its newest moment or to `to`.

    `manifests`: those that were read, by name. Asked first without any, the plan names the one
    that it needs; asked again with it, its pieces are checked.
    """
    everything = tuple(objects)
    seen = coverage(everything)
    chosen = _chosen(seen, to)
    if isinstance(chosen, str):
        return Refusal(chosen, seen.moment, seen.windows)
    backup, chain = chosen
    manifest = manifests.get(str(backup.name))
    wrong = _wrong(backup, manifest, everything) if manifest else ""
    if wrong:
        rest = coverage(each for each in everything if each.name != str(backup.name))
        return Refusal(wrong, rest.moment, rest.windows)
    assert backup.moment is not None
    chunks, due = _needed(backup.name, chain, to)
    return RestorePlan(
        name=backup.name,
        manifest=manifest,
        chunks=chunks,
        histories=chain.histories,
        to=to,
        moment=backup.moment if to is None else to,
        due=due,
    )


def _chosen(seen: Coverage, to: datetime | None) -> tuple[Backup, Chain] | str:
    if not seen.backups:
        running = "; one has been begun and has no manifest" if seen.orphans else ""
        return f"there is no backup{running}"
    if seen.newest is None:
        return "; ".join(seen.missing) or "no backup is whole"
    if to is None:
        return seen.newest, seen.newest.chain
    found = ((each, _chain_of(each, to)) for each in seen.backups)
    fitting = [(backup, chain) for backup, chain in found if chain is not None]
    if fitting:
        return max(fitting, key=lambda each: (each[0].name.moment, each[0].order))
    return _outside(seen, to)


def _chain_of(backup: Backup, to: datetime) -> Chain | None:
    """That by which it brings back this moment. Where two meet, that of the later timeline."""
    if backup.name.kind == "snapshot":
        return backup.chain if backup.is_restorable and backup.moment == to else None
    fitting = [each for each in backup.stretches if each.begin <= to <= each.end]
    return max(fitting, key=lambda each: each.begin).chain if fitting else None


def _outside(seen: Coverage, to: datetime) -> str:
    windows = seen.windows
    if not windows:
        moments = sorted(each.moment for each in seen.backups if each.moment)
        have = ", ".join(told(each) for each in moments[-3:])
        return f"{told(to)} is not the moment of a backup; the newest are of {have}"
    if to < windows[0][0]:
        return f"{told(to)} is before the oldest moment that is kept, {told(windows[0][0])}"
    later = [window for window in windows if window[0] > to]
    if later:
        earlier = max(window[1] for window in windows if window[1] < to)
        if later[0][0] in seen.heirs:
            return (
                f"{told(to)} lies where another history began, and nothing tells which of two was "
                f"served then: the newest moment before is {told(earlier)}, the first after it is "
                f"{told(later[0][0])}"
            )
        return (
            f"{told(to)} lies in a gap: the log ends at {told(earlier)}, "
            f"and the next backup begins at {told(later[0][0])}"
        )
    reason = f"{told(to)} is after everything that the archive has"
    return "; ".join([reason, *seen.missing])


def _wrong(backup: Backup, manifest: Manifest, objects: Iterable[ObjectInfo]) -> str:
    """What of the pieces in the listing is not what the manifest says."""
    name = backup.name
    claims = (manifest.database, manifest.system, manifest.backup, len(manifest.parts))
    if claims != (name.line.database, name.line.system, name.backup, name.parts):
        return f"the manifest of backup {name.backup} belongs to another one"
    sizes = {info.name: info.size for info in objects}
    for number, fact in enumerate(manifest.parts):
        has = sizes[str(name.part(number))]
        if has != fact.size:
            return (
                f"piece {number} of backup {name.backup} is {has} bytes long, "
                f"its manifest says {fact.size}: it is cut off or another one"
            )
    return ""


def _needed(name: ManifestName, chain: Chain, to: datetime | None) -> tuple[tuple[Chunk, ...], int]:
    """Up to the first that proves this moment, with the position that its proof speaks of: that of
    a mark may lie beyond what the pieces with bytes prove by themselves."""
    histories = chain.histories
    first = {each.timeline: each.switch for each in histories} | {name.timeline: name.stop}
    left = {each.parent: each.switch for each in histories}
    found: list[Chunk] = []
    due = name.stop
    for chunk in chain.chunks:
        if chunk.stop > chunk.start:
            found.append(chunk)
        if not proves(chunk, first[chunk.timeline], left.get(chunk.timeline)):
            continue
        due = max(due, chunk.stop)
        if to and chunk.moment and chunk.moment >= to:
            break
    return tuple(found), due
