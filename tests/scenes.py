"""Scenes: the rows that many tests begin with, written once by each worker.

`@scene` stands at a function that writes rows into an empty database and returns what it made.
Its first call writes them for good into a database of the scene's own; a test that calls it works
there, in a transaction that is rolled back, and has a copy of what was made.

Invariants: a test finds the rows as they were written, whatever other tests did with them. One that
has read or written anything before, or whose database is its own (`fresh_database`), has them
written where it is, as if this module were not here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from recovery.engines.postgres import Cluster
from tests.support.databases import cloned

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A scene's connection, and what was returned when its rows were written."""

    connection: BaseDatabaseWrapper
    made: object


@dataclass(slots=True)
class Stage:
    """One worker's scenes. `name`: of the database in which its tests begin."""

    cluster: Cluster
    name: str
    _kept: dict[Hashable, _Kept] = field(default_factory=dict)
    _databases: ExitStack = field(default_factory=ExitStack)

    def is_bare(self) -> bool:
        """Nothing but a test's own transaction was begun, and in it nothing was asked yet."""
        here = connections["default"]
        if here.settings_dict["NAME"] != self.name or len(here.atomic_blocks) != 1:
            return False
        return bool(here.connection.info.transaction_status == TransactionStatus.IDLE)

    def begin(self, key: Hashable, build: Callable[[], object]) -> object:
        if key not in self._kept:
            self._kept[key] = self._write(build)
        kept, test = self._kept[key], ExitStack()
        test.enter_context(_instead(kept.connection))
        test.enter_context(_rolled_back())
        _at_end[-1](test.close)
        return copy.deepcopy(kept.made)

    def _write(self, build: Callable[[], object]) -> _Kept:
        from dashboard.settings import database_from_url

        name = f"{self.name}_scene{len(self._kept)}"
        database = self._databases.enter_context(cloned(self.cluster, name))
        own = connections.create_connection("default")
        own.settings_dict = own.settings_dict | database_from_url(database.url)
        self._databases.callback(own.close)
        with _instead(own), transaction.atomic():
            made = build()
            own.run_on_commit.clear()  # A test's own transaction never gets there.
        return _Kept(own, made)

    def close(self) -> None:
        self._databases.close()


_stages: list[Stage] = []
"""The worker's own, while its database is there."""
_at_end: list[Callable[[Callable[[], None]], None]] = []
"""Of the running test: what it does when it is over, the last thing first."""


@contextmanager
def stage(cluster: Cluster, name: str) -> Iterator[Stage]:
    """Inside, scenes are kept."""
    here = Stage(cluster, name)
    _stages.append(here)
    try:
        yield here
    finally:
        _stages.remove(here)
        here.close()


def running(at_end: Callable[[Callable[[], None]], None]) -> None:
    """A test begins."""
    _at_end[:] = [at_end]


def scene(build: Callable[P, T]) -> Callable[P, T]:
    """Its rows are written once for each of its arguments, which can be hashed."""

    @wraps(build)
    def begun(*args: P.args, **kwargs: P.kwargs) -> T:
        here = next((one for one in _stages if one.is_bare()), None)
        if here is None:
            return build(*args, **kwargs)
        key = (build, args, tuple(sorted(kwargs.items())))
        return cast("T", here.begin(key, lambda: build(*args, **kwargs)))

    return begun


@contextmanager
def _instead(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Inside, this thread's rows are there."""
    before = connections["default"]
    connections["default"] = connection
    try:
        yield
    finally:
        connections["default"] = before


@contextmanager
def _rolled_back() -> Iterator[None]:
    """As Django's own test case: nothing stays, and what points to nothing is found."""
    connection, block = connections["default"], transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # a durable one may begin inside
    with block:
        yield
        if not connection.needs_rollback and connection.is_usable():
            connection.check_constraints()
        transaction.set_rollback(True)
