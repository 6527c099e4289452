"""What is killed next in an interrupted bench, and what its table calls good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.failover import _missing
from tests.bench.failover_report import KINDS, report


def _line(kind: str, **more: object) -> dict[str, object]:
    plain: dict[str, object] = {"kind": kind, "served": 7.0, "lost": 0, "failed": "", "phases": {}}
    return plain | more


def test_an_interrupted_bench_goes_on_with_whatever_is_missing_in_turn(tmp_path: Path) -> None:
    kept = tmp_path / "failover.jsonl"
    names = [kind.name for kind in KINDS]
    assert _missing({"KILLS": "2"}, kept) == sorted(names) + sorted(names)
    kept.write_text("".join(json.dumps(_line(name)) + "\n" for name in names))
    assert _missing({"KILLS": "1"}, kept) == []
    assert _missing({}, kept).count(names[0]) == 29


def test_only_served_kills_without_a_synchronous_loss_are_good(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = [_line(kind.name) for kind in KINDS]
    assert report(good, [])
    assert report([*good, _line("PostgreSQL asynchronous, fast", lost=3)], [])
    assert not report([*good, _line("PostgreSQL synchronous, fast", lost=1)], [])
    assert not report([*good, _line("Valkey, fast", served=None, failed="not served")], [])
    assert "Patroni" in capsys.readouterr().out
