"""One whole Tocsin whose lab has its databases, for all stories of failovers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import chromium  # noqa: F401 - a fixture
from tests.failovers.telling import WELL, Bases
from tests.support.stack import whole_stack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stories share one lab, so one worker tells them all."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("databases"))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session")
def formed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    """Every database serves; each business one has a standby."""
    folder = tmp_path_factory.mktemp("failovers") / "var"
    with whole_stack(folder, TOCSIN_LAB_DATABASES="1", TOCSIN_STANDBY_WELL=str(WELL)) as stack:
        bases = Bases(stack)
        bases.settle()
        yield bases


@pytest.fixture
def bases(formed: Bases) -> Bases:
    """A story begins at rest; its own database it proves first. Each loses one host at most, and
    the brake lets two pass."""
    formed.stack.calm(remembered=1)
    return formed
