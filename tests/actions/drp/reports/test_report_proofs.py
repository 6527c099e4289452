"""What a report says of the sealed log is proven by whoever has the log's public key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import override_settings

from recovery.audit import offline as log
from recovery.audit.facts import Actor
from recovery.drp import actions
from recovery.drp.actions.reports import write_due_reports
from recovery.drp.press import Press
from recovery.drp.reports import offline
from recovery.drp.reports.document import read_report
from recovery.drp.reports.models import Report
from tests.actions.audit.ground import KEY, as_sealer, sealer
from tests.actions.audit.test_verify import cosign_newest
from tests.actions.drp.ground import Ground, make_ground
from tests.support.databases import Database


@pytest.fixture
def told(quiet_database: Database, tmp_path: Path) -> Path:
    """A folder with the report of a run whose beginning and end are sealed, and its signature."""
    pins, key = tmp_path / "pins", tmp_path / "report-key"
    with override_settings(
        TOCSIN_PINS=str(pins),
        TOCSIN_REPORT_KEY_FILE=str(key),
        TOCSIN_URL="https://tocsin.example",
    ):
        ground, sealing = make_ground(pins), sealer(tmp_path)
        with as_sealer():
            sealing.take_lead()
            sealing.round()
            sealing.sign()
        _run(ground)
        assert write_due_reports(now=ground.now) == 0, "its end is under no checkpoint yet"
        with as_sealer():
            sealing.round()
            sealing.sign()
        cosign_newest()
        assert write_due_reports(now=ground.now) == 1
    row = Report.objects.get()
    (tmp_path / "report.json").write_bytes(row.raw.encode())
    (tmp_path / "report.sig").write_text(row.signature)
    (tmp_path / "key").write_text(row.key)
    return tmp_path


def _run(ground: Ground) -> None:
    ground.begin()
    ground.look()
    ground.say("tell", "bruno")
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    actions.add_finding(
        run=ground.run,
        said="Buy room.",
        owner="bruno",
        due=ground.now.date(),
        actor=Actor("person", "amelie"),
        now=ground.now,
    )


def check(folder: Path, *, by: str = str(KEY.verifier)) -> int:
    key = (folder / "key").read_text()
    return offline.main([str(folder / "report.json"), "--key", key, "--log", by])


def test_entries_of_the_run_lead_to_a_root_that_the_log_signed(
    told: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = read_report((told / "report.json").read_bytes())
    start, end = report.log.start, report.log.end
    assert start is not None
    assert end is not None
    assert start.size < end.size
    assert "par1-h1" in end.note, "with the witness that saw it"
    lines = [json.loads(one.line)["body"]["action"] for one in report.log.proofs]
    assert "running" in lines, "the run's own states"
    assert {one.about for one in report.log.proofs} == {"drp run", "drp approval"}
    assert check(told) == 0
    assert f"{len(lines)} entries in it are in the sealed log" in capsys.readouterr().out


def test_an_entry_that_was_altered_or_another_log_proves_nothing(
    told: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(KEY.__class__("elsewhere/audit", b"z" * 32).verifier)
    assert check(told, by=other) == 1
    report = json.loads((told / "report.json").read_bytes())
    logs = [log.read_key(str(KEY.verifier))]
    assert offline.prove(report, logs) == len(report["log"]["proofs"])
    for spoil in ("line", "leaf", "hashes"):
        bad = json.loads(json.dumps(report))
        one = bad["log"]["proofs"][0]
        one[spoil] = {
            "line": one["line"].replace("amelie", "eve"),
            "leaf": one["leaf"] + 1,
            "hashes": one["hashes"][:-1],
        }[spoil]
        with pytest.raises(log.Wrong):
            offline.prove(bad, logs)
    assert "is not signed by the log" in capsys.readouterr().out


def test_every_way_through_every_small_tree_is_followed() -> None:
    """The verifier's own walk against the product's proofs."""
    from recovery.core.tlog.tree import Frontier, inclusion_proof, leaf_hash

    for size in range(1, 34):
        leaves = [leaf_hash(bytes([at])) for at in range(size)]

        def complete(level: int, index: int, leaves: list[bytes] = leaves) -> bytes:
            low = index << level
            return Frontier().extended(leaves[low : low + (1 << level)])[0].root

        root = Frontier().extended(leaves)[0].root
        for at in range(size):
            hashes = inclusion_proof(at, size, complete)
            assert offline.root_of(leaves[at], at, size, hashes) == root
