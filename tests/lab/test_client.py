"""What the page says when the lab does not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from recovery.core.errors import Refused, Unsure
from recovery.lab import client


def test_a_lab_that_does_not_answer_in_time_may_have_done_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not told as "not done": the wish was handed over."""
    monkeypatch.setattr(client, "_TIMEOUT_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(Unsure, match="asked to kill and has not answered"):
            client.ask("kill", {"host": "one-a"}, path=tmp_path / "s")


def test_where_no_lab_runs_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No lab answers"):
        client.ask("kill", {"host": "one-a"}, path=tmp_path / "s")
