"""How each backup replica keeps its promise, and what to tell of it. Pure: facts and now in.

Invariant: a point whose archive was not read lately is never `fresh`; its age grows all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.backups.distance import violations, where
from recovery.backups.facts import Copy, Database, Point, PointState, Terms
from recovery.backups.words import counted, instant, is_copying, joined, spoken

UNREAD_AFTER = timedelta(seconds=60)
"""Three looks were missed."""
FAILED_AFTER = timedelta(seconds=30)
"""Or one was, and it said why: a store that hangs says so a look and a listing's time later. An
answer that failed once and at once is asked for again first."""
MOST_BEHIND = timedelta(seconds=60)
"""B2: each object is in replica 2 so soon after replica 1."""
GAP_AFTER = timedelta(seconds=30)
"""Two objects on their way at once may come in the other order; the next look says."""
SET_UP_WITHIN = timedelta(minutes=10)
"""Somebody who describes three stores one after the other is not told of the third in between."""
COPIED_WITHIN = timedelta(hours=1)
"""A provider makes a volume of a snapshot within minutes; one that takes longer is told of."""
PROVEN_WITHIN = timedelta(days=30)


def advance(old: Point | None, moment: datetime, lsn: str, base: str, now: datetime) -> Point:
    """The point as it is read now. Only a moment that rose was seen now: one that fell back is no
    younger for it, whatever clock wrote it."""
    rose = old is None or moment > old.moment
    return Point(moment, now if rose or old is None else old.seen_at, lsn, base)


def is_unread(copy: Copy, now: datetime) -> bool:
    """Whether what is known of it is only what it was."""
    if copy.read_at is None:
        return True
    return now - copy.read_at > (FAILED_AFTER if copy.error else UNREAD_AFTER)


def age_of(copy: Copy, now: datetime) -> timedelta:
    """From the newest restorable moment; where there is none, from when it was to begin."""
    return max(timedelta(0), now - (copy.point.at if copy.point else copy.since))


def state_of(copy: Copy, terms: Terms, now: datetime) -> PointState:
    """The state of this replica's promise now."""
    if copy.point is None and copy.had_point and not is_unread(copy, now):
        return PointState.PAGE
    age = age_of(copy, now)
    if age >= terms.page:
        return PointState.PAGE
    if age >= terms.warn:
        return PointState.WARN
    if is_unread(copy, now):
        return PointState.UNREAD
    return PointState.FRESH if copy.point else PointState.EMPTY


def reason_of(copy: Copy, terms: Terms, now: datetime) -> str:
    """The sentence beside the state."""
    unread = f" {_unread(copy)}" if is_unread(copy, now) else ""
    if copy.point is None:
        gone = "Nothing in it can be restored any more." if copy.had_point else ""
        why = copy.missing[0] if copy.missing else ""
        none = gone or f"Nothing restorable yet, since {instant(copy.since)}."
        return f"{none} {why}".strip() + unread
    promised = spoken(terms.promise)
    return f"Restorable up to {instant(copy.point.at)}, of {promised} promised.{unread}"


def _unread(copy: Copy) -> str:
    since = f"Not read since {instant(copy.read_at)}" if copy.read_at else "Never read"
    return f"{since}: {copy.error}" if copy.error else f"{since}."


def behind(first: Copy | None, second: Copy | None, now: datetime) -> timedelta:
    """For how long replica 1 has had what replica 2 has not (B2). One from which nothing can be
    restored is not behind: that is told of itself."""
    if first is None or second is None or first.point is None or second.point is None:
        return timedelta(0)
    lag = first.point.moment - second.point.moment
    if second.passed_at is not None:
        lag = min(lag, now - second.passed_at)
    return max(timedelta(0), lag)


def is_frozen(copy: Copy, terms: Terms) -> bool:
    """The job says "ok", and the archive has not what it would have to have by then."""
    if copy.job is None:
        return False
    newest = copy.point.at if copy.point else copy.since
    return copy.job.ok_at - newest > terms.grace


@dataclass(frozen=True, slots=True)
class Condition:
    """Something to tell of. `key`: one alarm each; `rings`: people are woken for it."""

    key: str
    title: str
    body: str
    rings: bool


def conditions(
    databases: Sequence[Database], now: datetime, *, proven_within: timedelta = PROVEN_WITHIN
) -> tuple[Condition, ...]:
    """Everything that holds now. What is late or behind in a store that nobody can read is told
    once, of the store."""
    found: list[Condition] = []
    silent: dict[str, list[tuple[Database, Copy]]] = {}
    for database in databases:
        found += _of_database(database, now)
        for copy in database.copies:
            if is_unread(copy, now) and _is_first_copied(copy, now):
                found += _untold(database, copy, now, proven_within, with_age=True)
            elif is_unread(copy, now) and now - copy.since > UNREAD_AFTER:
                silent.setdefault(copy.store, []).append((database, copy))
                found += _untold(database, copy, now, proven_within, with_age=False)
            else:
                found += _untold(database, copy, now, proven_within, with_age=True)
    for store, members in sorted(silent.items()):
        found += _of_store(store, members, now)
    return tuple(found)


def _is_first_copied(copy: Copy, now: datetime) -> bool:
    """Whether its first snapshot is on its way: nothing is away, and nobody can do anything. Its
    age grows meanwhile, and rings as any other's."""
    is_first = copy.point is None and not copy.had_point and is_copying(copy.error)
    return is_first and now - (copy.read_at or copy.since) <= COPIED_WITHIN


def _of_store(
    store: str, members: Sequence[tuple[Database, Copy]], now: datetime
) -> list[Condition]:
    oldest = min((copy for _, copy in members), key=lambda copy: copy.read_at or copy.since)
    names = joined(tuple(sorted({database.name for database, _ in members})))
    points = counted(len(members), "recovery point")
    title = f"Store {store} cannot be read: {points} unknown"
    found = [Condition(f"store:{store}:unread", title, f"{_unread(oldest)} {names}.", False)]
    late = [
        database.name
        for database, copy in members
        if state_of(copy, database.terms(copy.number), now) is PointState.PAGE
    ]
    if late:
        title = f"Store {store} cannot be read, and {counted(len(late), 'promise')} may be broken"
        body = f"{joined(tuple(sorted(late)))}: as old as promised, by what was read last."
        found.append(Condition(f"store:{store}:late", title, f"{body} {_unread(oldest)}", True))
    return found


def _of_database(database: Database, now: datetime) -> list[Condition]:
    name, key = database.name, f"backup:{database.key}"
    found = []
    missing = [n for n in (1, 2, 3) if database.copy(n) is None]
    newest = max((one.since for one in database.copies), default=now)
    if missing and now - newest > SET_UP_WITHIN:
        which = " and ".join(str(n) for n in missing)
        body = "Three replicas are promised: in its datacenter, and in two others far away."
        found.append(Condition(f"{key}:absent", f"{name} has no replica {which}", body, False))
    if wrong := violations(database):
        title = f"{name}: its replicas lie too near one another, or where nobody knows"
        body = " ".join(f"{each[0].upper()}{each[1:]}" for each in wrong)
        found.append(Condition(f"{key}:distance", title, body, False))
    second = database.copy(2)
    lag = behind(database.copy(1), second, now)
    is_told = second is not None and (is_unread(second, now) or _is_holed(second))
    if second is not None and lag > MOST_BEHIND and not is_told:
        title = f"{name}: replica 2 is {spoken(lag)} behind replica 1"
        body = (
            f"{spoken(MOST_BEHIND)} are promised. What replica 1 alone has is lost with its site."
        )
        found.append(Condition(f"{key}:behind", title, body, False))
    return found


def _untold(
    database: Database, copy: Copy, now: datetime, proven_within: timedelta, *, with_age: bool
) -> list[Condition]:
    terms = database.terms(copy.number)
    key, name = f"backup:{database.key}:{copy.number}", f"{database.name}, replica {copy.number}"
    found = _of_age(database, copy, terms, now) if with_age else []
    if is_frozen(copy, terms):
        assert copy.job is not None
        until = f"ends at {instant(copy.point.at)}" if copy.point else "is empty"
        body = f"Its job said ok at {instant(copy.job.ok_at)}, and the archive {until}."
        title = f"{name}: the job says ok, and nothing new is restorable"
        found.append(Condition(f"{key}:frozen", title, body, True))
    found = _with_gap(database, copy, found, now)
    if copy.disproof:
        title = f"{name}: its last restore test failed"
        found.append(Condition(f"{key}:disproved", title, copy.disproof, True))
    if copy.unusual and copy.number == 1:
        title = f"{database.name}: its newest backup is unlike those before it"
        found.append(Condition(f"{key}:outlier", title, copy.unusual, False))
    if now - (copy.proven_at or copy.since) > proven_within:
        last = f"on {instant(copy.proven_at)}" if copy.proven_at else "never"
        body = f"Last proven: {last}. A backup that nobody restored is a hope."
        title = f"{name}: not proven for {spoken(proven_within)}"
        found.append(Condition(f"{key}:unproven", title, body, False))
    return found


def _is_holed(copy: Copy) -> bool:
    """What is newest in it cannot be restored, for something that is missing before it: whatever
    else is wrong with it then comes of that."""
    return copy.point is not None and copy.is_cut and bool(copy.missing)


def _with_gap(
    database: Database, copy: Copy, effects: list[Condition], now: datetime
) -> list[Condition]:
    """The missing piece by its name, with what comes of it in one; what comes of something else
    beside it."""
    if copy.point is None or not copy.missing or copy.missing_since is None:
        return effects
    second = database.copy(2)
    is_behind = copy is second and behind(database.copy(1), second, now) > MOST_BEHIND
    is_felt = _is_holed(copy) and (bool(effects) or is_behind)
    if not is_felt and now - copy.missing_since <= GAP_AFTER:
        return effects
    piece, _, _ = copy.missing[0].partition(": ")
    said = [f"{each[0].upper()}{each[1:].rstrip('.')}." for each in copy.missing]
    said += [f"{each.title}." for each in effects] if is_felt else []
    gap = Condition(
        f"backup:{database.key}:{copy.number}:gap",
        f"{database.name}, replica {copy.number}: {piece}",
        " ".join(said),
        copy.is_cut,
    )
    return [gap] if is_felt else [*effects, gap]


def _of_age(database: Database, copy: Copy, terms: Terms, now: datetime) -> list[Condition]:
    state = state_of(copy, terms, now)
    if state not in {PointState.WARN, PointState.PAGE}:
        return []
    if copy.point and not database.is_written:
        return []  # told already that nobody is served: what is not written is not lost
    key = f"backup:{database.key}:{copy.number}"
    could = f"could lose {spoken(age_of(copy, now))} of {spoken(terms.promise)} promised"
    if copy.point is None:
        could = "has nothing to restore"
    title = f"{database.name}: replica {copy.number} in {where(copy)} {could}"
    body = reason_of(copy, terms, now)
    if state is PointState.PAGE:
        return [Condition(f"{key}:late", title, body, True)]
    return [Condition(f"{key}:ageing", title, body, False)]
