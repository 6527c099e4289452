"""A report is signed once a run has ended, from its rows; what follows from it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import override_settings

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core.errors import Refused
from recovery.core.tlog.notes import VerifierKey
from recovery.drp import actions
from recovery.drp.actions.reports import write_due_reports
from recovery.drp.facts import Mode, RunState
from recovery.drp.press import Press
from recovery.drp.queries.people import database_now
from recovery.drp.reports import document as doc
from recovery.drp.reports.awaiting import SEAL_PATIENCE
from recovery.drp.reports.models import Report
from recovery.drp.reports.signing import signer_of
from recovery.inventory.models import Database, WriteGap, WriteProbe
from tests.actions.drp.ground import Ground

WHO = Actor("person", "amelie")


@pytest.fixture(autouse=True)
def key_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "report-key"
    with override_settings(TOCSIN_REPORT_KEY_FILE=str(path)):
        yield path


def finish(ground: Ground) -> None:
    ground.until("")
    for _ in range(4):
        ground.look()
    assert ground.run.state == RunState.DONE


def report_of(ground: Ground) -> tuple[Report, doc.Report]:
    row = actions.write_report(run=ground.run, actor=WHO, reason="It is over.", now=ground.now)
    return row, doc.read_report(row.raw.encode())


def test_the_report_of_a_run_holds_its_steps_words_and_operations_and_is_signed(
    ground: Ground,
) -> None:
    ground.begin()
    finish(ground)
    row, found = report_of(ground)
    assert found.counts == doc.Counts(done=4, failed=0, skipped=0, open=0)
    assert [(one.who, one.step, one.factor) for one in found.approvals] == [
        ("bruno", "tell", "passkey"),
        ("bruno", "fence", "passkey"),
        ("chloe", "fence", "passkey"),
        ("bruno", "promote", "passkey"),
    ]
    assert {one.digest for one in found.approvals} == {ground.run.digest}
    assert all(one.used_at for one in found.approvals)
    assert len(found.steps[-1].operations) == 2
    assert [one.what for one in found.deviations] == ["stale runbook"]
    assert found.run.declared_by == "amelie"
    assert found.log.entries > 20
    keys = [VerifierKey.parse(row.key)]
    assert signer_of(row.raw.encode(), row.signature, keys) == keys[0]
    with pytest.raises(Refused, match="did not sign these bytes"):
        signer_of(row.raw.encode() + b" ", row.signature, keys)


def test_promised_against_measured_is_what_the_writing_user_saw(ground: Ground) -> None:
    began = ground.begin().started_at
    finish(ground)
    ended = ground.run.ended_at
    assert began is not None
    assert ended is not None
    orders, ident = Database.objects.order_by("-name")
    _, found = report_of(ground)
    assert {one.rto.verdict for one in found.targets} == {"unknown"}
    assert {one.rto.seconds for one in found.targets} == {None}, "nobody wrote, nobody knows"
    _gap(orders, seconds=95.0, lost=0)
    WriteProbe.objects.create(
        database=ident, at=ended + timedelta(days=999), last_ack_at=began, failing_since=began
    )
    _, found = report_of(ground)
    by = {one.name: one for one in found.targets}
    assert (by["orders"].rto.seconds, by["orders"].rto.verdict) == (95.0, "unknown")
    WriteProbe.objects.create(
        database=orders,
        at=ended + timedelta(days=999),
        since=began - timedelta(days=1),
        last_ack_at=ended,
    )
    _, found = report_of(ground)
    by = {one.name: one for one in found.targets}
    assert by["orders"].rto.seconds == 95.0
    assert by["orders"].rto.verdict == by["orders"].rpo.verdict == "kept"
    assert by["orders"].rpo.seconds == 0.0
    assert by["ident"].rto.seconds is None
    assert [one.name for one in found.not_back] == ["ident"]
    assert found.services[0].targets == 2
    assert found.services[0].rto.worst == 95.0
    assert found.version == 3


def _gap(database: Database, *, seconds: float, lost: int) -> None:
    now = database_now()
    WriteGap.objects.create(
        database=database,
        last_before=now - timedelta(seconds=seconds),
        first_after=now,
        seconds=seconds,
        after_number=1,
        lost=lost,
    )


def test_noes_skips_retries_and_pauses_are_in_it_with_who_and_why(ground: Ground) -> None:
    ground.begin()
    ground.until("tell")
    ground.press(Press.SKIP, who="bruno", step="tell", reason="They know.")
    ground.look()
    ground.say("fence", "chloe", yes=False)
    ground.look()
    ground.press(Press.RESUME, reason="It does not come back.")
    with pytest.raises(Refused, match="“Promote” waits for “Fence”: it is skipped when it is"):
        ground.press(Press.SKIP, who="bruno", step="promote", reason="Nothing to promote.")
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    ground.look()
    assert ground.run.state == RunState.ABORTED
    _, found = report_of(ground)
    said = {(one.what, one.who): one.reason for one in found.deviations}
    assert said["no", "chloe"] == "It comes back."
    assert said["skip", "bruno"] == "They know."
    assert ("abort", "amelie") in said
    assert any(what == "pause" for what, _ in said)
    assert ("not done", "") in said
    assert found.run.state == "aborted"
    assert found.counts.all == 4


def test_there_is_no_report_while_the_run_goes_on_and_one_by_itself_once_it_ended(
    ground: Ground,
) -> None:
    ground.begin()
    with pytest.raises(Refused, match="The run is running"):
        report_of(ground)
    assert write_due_reports(now=ground.now + SEAL_PATIENCE) == 0
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    assert write_due_reports(now=ground.now) == 0, "the log may still cover its end"
    assert write_due_reports(now=ground.now + SEAL_PATIENCE) == 1
    assert write_due_reports(now=ground.now + SEAL_PATIENCE) == 0
    assert Report.objects.get().made_by == "reports"


def test_a_report_that_cannot_be_written_is_told_of_and_tried_again(
    ground: Ground, key_file: Path
) -> None:
    ground.begin()
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    late = ground.now + SEAL_PATIENCE
    key_file.write_text("no key\n")
    key_file.chmod(0o600)
    assert write_due_reports(now=late) == 0
    assert "BadConfiguration" in Alarm.objects.get(key__startswith="report-missing").body
    key_file.unlink()
    assert write_due_reports(now=late) == 1
    assert not Alarm.objects.filter(key__startswith="report-missing").exclude(state="ended")


def test_a_simulation_measures_nothing_of_what_users_saw_meanwhile(ground: Ground) -> None:
    ground.prepare(Mode.SIMULATION)
    ground.press(Press.START)
    ground.press(Press.ABORT, reason="Read aloud.")
    ground.look()
    _gap(Database.objects.all()[0], seconds=95.0, lost=7)
    _, found = report_of(ground)
    assert {one.rto.verdict for one in found.targets} == {"unknown"}
    assert found.events == ()
    assert found.watermark == "SIMULATION"


def test_a_report_never_changes_and_is_never_of_a_run_that_goes_on(ground: Ground) -> None:
    ground.begin()
    with pytest.raises(IntegrityError, match="the run has not ended"), transaction.atomic():
        _forge(ground)
    finish(ground)
    report_of(ground)
    with pytest.raises(IntegrityError, match="not that of the report"), transaction.atomic():
        _forge(ground, digest="0" * 64)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Report.objects.update(raw="{}")


def _forge(ground: Ground, digest: str = "") -> None:
    Report.objects.create(
        run=ground.run,
        number=9,
        raw="{}",
        digest=digest or doc.digest_of(b"{}"),
        signature="x",
        key="x",
        made_by="eve",
        made_at=ground.now,
    )


def test_a_finding_has_an_owner_and_a_day_and_is_closed_with_its_proof(ground: Ground) -> None:
    ground.begin()
    due = (ground.now + timedelta(days=30)).date()
    with pytest.raises(Refused, match="The run is running"):
        actions.add_finding(
            run=ground.run, said="Buy room.", owner="bruno", due=due, actor=WHO, now=ground.now
        )
    finish(ground)
    for owner, day, why in (("nobody", due, "nobody who"), ("bruno", due.replace(2020), "over")):
        with pytest.raises(Refused, match=why):
            actions.add_finding(
                run=ground.run, said="Buy.", owner=owner, due=day, actor=WHO, now=ground.now
            )
    row = actions.add_finding(
        run=ground.run, said="Buy room.", owner="bruno", due=due, actor=WHO, now=ground.now
    )
    with pytest.raises(Refused, match="what shows"):
        actions.close_finding(finding=row, proof=" ", actor=WHO, now=ground.now)
    _, before = report_of(ground)
    actions.close_finding(finding=row, proof="TICKET-7", actor=WHO, now=ground.now)
    _, after = report_of(ground)
    assert [one.proof for one in (*before.findings, *after.findings)] == ["", "TICKET-7"]
    assert Report.objects.count() == 2, "the first one stays as it was signed"
