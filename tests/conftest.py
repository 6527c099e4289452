"""Every database test runs on real PostgreSQL, connected as the application's role.

`db` (or `@pytest.mark.django_db`): a worker's own database, each test rolled back; what many tests
begin with is written once (`tests/scenes.py`).
`fresh_database` (or `django_db(transaction=True)`): a database of the test's own, for what
several connections or processes must see committed. Audit tables refuse TRUNCATE, so a
database is thrown away, never flushed.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties
from pytest_django import DjangoDbBlocker

from recovery.engines import children
from recovery.engines.postgres import Cluster
from recovery.engines.valkey import Valkey
from tests.scenes import running, stage
from tests.shuffled import shuffle
from tests.support.databases import (
    Database,
    cloned,
    django_on,
    quiet_cluster,
    run_folder,
    running_cluster,
)
from tests.support.own import free_port
from tests.support.valkeys import running_valkey

# A property is right or wrong; how long a case takes says something of the machine. A run that
# decides whether a change lands tries the same cases each time; everybody else's are new.
LANDS = os.environ.get("TOCSIN_REQUIRE_ALL") == "1"
properties.register_profile(
    "tocsin",
    deadline=None,
    derandomize=LANDS,
    suppress_health_check=[HealthCheck.too_slow],
)
properties.load_profile("tocsin")


def pytest_configure(config: pytest.Config) -> None:
    shuffle()
    if not hasattr(config, "workerinput"):
        os.environ["TOCSIN_TEST_OWNER"] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """The pytest process that began the run ends its server and removes its folder."""
    if hasattr(config, "workerinput"):
        return
    found = [int(path.read_text()) for path in run_folder().glob("**/server.pid")]
    if found:
        children.end(found, polite=signal.SIGTERM, seconds=30)
    shutil.rmtree(run_folder(), ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`django_db(transaction=True)` becomes a request for a database of the test's own. What has a
    timeout of its own may last: several workers begin with it, and share out the rest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and marker.kwargs.get("transaction") and isinstance(item, pytest.Function):
            item.own_markers = [mark for mark in item.own_markers if mark.name != "django_db"]
            item.fixturenames.insert(0, "fresh_database")


def pytest_collection_finish() -> None:
    """What was imported stays: garbage is looked for among what tests make, and not as often as
    for a process of little memory."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    running(item.addfinalizer)


@pytest.fixture(scope="session")
def postgres_server() -> Cluster:
    """The run's server, shared by all workers."""
    return running_cluster()


@pytest.fixture(scope="session")
def django_db_setup(
    postgres_server: Cluster, worker_id: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Replaces pytest-django's: the worker's database is a clone of the migrated template."""
    name = f"tocsin_{worker_id}"
    blocker = django_db_blocker.unblock()
    with (
        cloned(postgres_server, name) as database,
        blocker,
        django_on(database),
        stage(postgres_server, name),
    ):
        yield


@pytest.fixture
def fresh_database(
    postgres_server: Cluster, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """A migrated, empty database of this test's own; Django reaches it too."""
    name, blocker = f"tocsin_{uuid4().hex[:12]}", django_db_blocker.unblock()
    with cloned(postgres_server, name) as database, blocker, django_on(database):
        yield database


@pytest.fixture
def quiet_database(
    worker_id: str, django_db_blocker: DjangoDbBlocker, django_db_setup: None
) -> Iterator[Database]:
    """The same on a server where no other worker's transactions are."""
    name, blocker = f"tocsin_{uuid4().hex[:12]}", django_db_blocker.unblock()
    with cloned(quiet_cluster(worker_id), name) as database, blocker, django_on(database):
        yield database


@pytest.fixture
def transactional_db(fresh_database: Database) -> Database:
    """pytest-django's name for it (its live_server asks for this)."""
    return fresh_database


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A worker's own Valkey."""
    folder = tmp_path_factory.mktemp("valkey")
    server = Valkey(folder, free_port(), "for-tests-alone")
    with running_valkey(server, folder / "log"):
        yield server
