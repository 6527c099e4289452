"""Everything that may wait for somebody, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stuck:
    """A database that waits, by the conditions that its controller rings for (`ringing.TITLES`).
    `on`: the host of its old primary, `to`: of whoever was to lead; `offers`: copies that people
    may promote, `people`: how many that takes; the rest: which ways are open."""

    name: str
    conditions: frozenset[str]
    why: str
    site: str = ""
    on: str = ""
    to: str = ""
    offers: int = 0
    people: int = 1
    may_vouch: bool = False
    may_restore: bool = False
    may_go_back: bool = False
    may_move: bool = False


@dataclass(frozen=True, slots=True)
class Stalled:
    """A restore that gets nowhere now, or `is_over` without its database; `why`: as it rings."""

    name: str
    database: str
    host: str
    why: str
    in_place: bool = False
    may_call_off: bool = True
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A datacenter that looks lost; `run`: of the run that recovers it, 0: none does. `decided`:
    what was decided about this loss, a sentence; `is_activated`: to give it up; `was_run`: a run of
    that decision is over; `is_done`: one was done to its end; `incident`: its number, 0: none."""

    name: str
    run: int = 0
    run_name: str = ""
    decided: str = ""
    is_activated: bool = False
    was_run: bool = False
    is_done: bool = False
    incident: int = 0

    @property
    def is_undone(self) -> bool:
        """What of it has no seat is decided with it, or placed by its run."""
        return bool(self.run) or not self.was_run


@dataclass(frozen=True, slots=True)
class Silent:
    """A datacenter that may be lost or cut off while Tocsin is blind. `by`: who vouches that it is
    lost, empty: nobody yet."""

    name: str
    hosts: int
    by: str = ""


@dataclass(frozen=True, slots=True)
class Fenced:
    """A datacenter that answers behind a fence. `said`: how it stands there, a sentence;
    `databases`: whose copies are set apart there; `goes_on`: the run that has that fence or takes
    it back, with its number; `ways`: what may be taken back else, (run, out of where, where it is
    planned), for which `no_book` is in force."""

    site: str
    said: str
    databases: tuple[str, ...] = ()
    goes_on: tuple[int, str] | None = None
    ways: tuple[tuple[str, str, str], ...] = ()
    no_book: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A step of a recovery plan that waits for a yes. `may_answer`: whoever looks may; `run`: its
    name, `mode` and `lost`: which it is of which datacenter."""

    id: str
    title: str
    people: tuple[str, ...]
    role: str
    may_answer: bool = True
    run: str = "a plan"
    mode: str = "disaster"
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that may wait for somebody. `frozen`: runs that stopped automation; `owners`:
    those that go on and need that, with their numbers; `held`: hosts of the guard, by name, outside
    of `sites`; `words`: (seat, container, host); `unseated`: containers without one; `alone`:
    business databases that serve with no other copy; `cut`: datacenters that are not heard and
    live, each with how that is seen."""

    doubt: str = ""
    blind: str = ""
    silent: tuple[Silent, ...] = ()
    cut: tuple[tuple[str, str], ...] = ()
    unwatched: str = ""
    paused_by: str = ""
    frozen: tuple[str, ...] = ()
    owners: Mapping[str, int] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()
    fenced: tuple[Fenced, ...] = ()
    questions: tuple[Question, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    stalled: tuple[Stalled, ...] = ()
    held: tuple[str, ...] = ()
    held_why: str = ""
    words: tuple[tuple[str, str, str], ...] = ()
    unseated: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
