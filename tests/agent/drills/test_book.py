"""The newest list is kept, whoever brings which one when."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recovery.agent.disk import write_atomic
from recovery.agent.drills import book
from recovery.agent.drills.book import DrillBook
from tests.agent.drills.test_drills import listed


def test_two_links_at_once_leave_the_newer_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one's write takes longer than all of the newer one's taking, where that may be."""
    path = tmp_path / "drills.json"
    begun, newer = threading.Event(), threading.Event()

    def slow(path: Path, data: bytes) -> None:
        is_older = b'"revision":1' in data
        if is_older:
            begun.set()
            newer.wait(0.3)
        write_atomic(path, data)

    monkeypatch.setattr(book, "write_atomic", slow)
    kept = DrillBook(path)

    def take_newer() -> bool:
        begun.wait(60)
        taken = kept.take(listed(2))
        newer.set()
        return taken

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(kept.take, listed(1)), pool.submit(take_newer)
        assert (first.result(), second.result()) == (True, True)
    assert kept.newest.revision == 2
    assert DrillBook(path).newest.revision == 2
