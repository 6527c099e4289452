"""The report of a run as page and files, and what is to be done after it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

from django.core.management import call_command

from recovery.alarms.actions import raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.drp import actions
from recovery.drp.facts import Mode
from recovery.drp.press import Press
from recovery.drp.reports.late import missing_key
from recovery.drp.reports.models import Report, ReportFinding
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.plans.conftest import Enter, text

WHO = Actor("person", "amelie")


def ended(ground: Ground, mode: Mode = Mode.DISASTER) -> Report:
    """A run that was begun and aborted, with its report."""
    ground.prepare(mode)
    ground.press(Press.START)
    ground.look()
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    return actions.write_report(run=ground.run, actor=WHO, reason="Over.", now=ground.now)


def address(ground: Ground, rest: str = "report/") -> str:
    return f"/recovery/runs/{ground.run.number}/{rest}"


def iso(ground: Ground) -> str:
    ended = ground.run.ended_at
    assert ended is not None
    return ended.isoformat(timespec="milliseconds")


def test_a_run_that_goes_on_has_none_and_says_so(ground: Ground, enter: Enter) -> None:
    ground.begin()
    answer = enter("vera").get(address(ground))
    assert answer.status_code == 409
    assert "The run is running: its report is written once it has ended." in text(answer)
    assert enter("vera").get("/recovery/runs/9999/report/").status_code == 404
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    answer = enter("vera").get(address(ground))
    assert answer.status_code == 200
    assert "It could not be written" not in text(answer)
    assert f'<time datetime="{iso(ground)}" data-since>' in text(answer), "its age counts"


def test_a_report_that_cannot_be_written_says_why_and_what_to_do(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.press(Press.ABORT, reason="PAR1 answers.")
    ground.look()
    raise_alarm(
        key=missing_key(ground.run),
        severity=Severity.NOTICE,
        title="No report",
        body="BadConfiguration: it is no key.",
        incident=None,
        actor=WHO,
        reason="x",
        now=ground.now,
    )
    page = text(enter("vera").get(address(ground)))
    assert "It could not be written: BadConfiguration: it is no key." in page
    assert '<a href="/processes/">' in page


def test_everybody_who_may_look_reads_what_was_promised_and_what_nobody_measured(
    ground: Ground, enter: Enter
) -> None:
    row = ended(ground)
    page = text(enter("vera").get(address(ground)))
    for said in ("was aborted after", "PAR1 answers.", "stale runbook", "2 not known", row.digest):
        assert said in page
    assert 'class="watermark"' not in page
    assert "Write it down" not in page, "a viewer reads"


def test_what_was_no_real_case_is_marked_on_the_page_and_on_paper(
    ground: Ground, enter: Enter
) -> None:
    row = ended(ground, Mode.SIMULATION)
    assert 'class="watermark" role="note">SIMULATION' in text(enter("vera").get(address(ground)))
    paper = enter("vera").get(address(ground, f"report/{row.number}.pdf"))
    assert paper.content.startswith(b"%PDF-")


def test_the_files_are_what_was_signed_and_whoever_has_the_key_can_check_them(
    ground: Ground, enter: Enter, tmp_path: Path
) -> None:
    row, client = ended(ground), enter("vera")
    assert client.get(address(ground, "report/1.json")).content == row.raw.encode()
    assert client.get(address(ground, "report/1.exe")).status_code == 404
    assert client.get(address(ground, "report/7.json")).status_code == 404
    archive = client.get(address(ground, "report/1.zip")).content
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        found.extractall(tmp_path)
    argv = [sys.executable, "verify_report.py", "report.json", "--key", row.key]
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.match(r"Signed by \S+/reports/\w+: DRP-\d+ \(disaster\), report 1\.", told.stdout)
    altered = json.loads(row.raw) | {"summary": "All went well."}
    (tmp_path / "report.json").write_text(json.dumps(altered))
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "did not sign these bytes" in told.stdout


def test_the_command_lists_writes_and_checks(ground: Ground, tmp_path: Path) -> None:
    row, out, file = ended(ground), io.StringIO(), tmp_path / "evidence.zip"
    call_command("reports", "list", stdout=out)
    call_command("reports", "key", stdout=out)
    call_command("reports", "write", str(ground.run.number), str(file), stdout=out)
    assert row.digest in out.getvalue()
    assert row.key in out.getvalue()
    assert zipfile.is_zipfile(file)
    (tmp_path / "r.json").write_bytes(row.raw.encode())
    (tmp_path / "r.sig").write_text(row.signature)
    call_command("reports", "verify", str(tmp_path / "r.json"), "--key", row.key)


def test_a_finding_is_written_kept_when_it_is_not_taken_and_closed_with_its_proof(
    ground: Ground, enter: Enter
) -> None:
    ended(ground)
    client, due = enter("amelie"), f"{clock.system.now() + timedelta(days=9):%Y-%m-%d}"
    told = {"said": "Buy room in OSU2.", "owner": "bruno", "due": "soon"}
    answer = client.post(address(ground, "findings/"), told)
    assert answer.status_code == 422
    assert "Buy room in OSU2." in text(answer)
    assert "A day reads 2026-12-24." in text(answer)
    taken = client.post(address(ground, "findings/"), told | {"due": due}, follow=True)
    assert "1. Buy room in OSU2." in text(taken)
    close = address(ground, "findings/1/close/")
    assert enter("vera").post(close, {"proof": "T-1"}).status_code == 403
    empty = client.post(close, {"proof": " "})
    assert (empty.status_code, "it stays open" in text(empty)) == (422, True)
    assert "closed by amelie" in text(client.post(close, {"proof": "TICKET-7"}, follow=True))
    assert ReportFinding.objects.get().state == "closed"
    again = {"reason": "Its finding is closed."}
    page = text(client.post(address(ground, "report/sign/"), again, follow=True))
    assert Report.objects.count() == 2
    assert "TICKET-7 (amelie)" in page
    assert "TICKET-7 (amelie)" not in text(client.get(address(ground, "report/?version=1")))
