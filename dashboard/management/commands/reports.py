"""`manage.py reports …`: which there are, the key that signs them, one as files, one checked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recovery.drp.queries.reports import find_run, newest_report
from recovery.drp.reports import offline
from recovery.drp.reports.evidence import evidence
from recovery.drp.reports.models import Report
from recovery.drp.reports.signing import report_key


class Command(BaseCommand):
    help = "Reports of runs and drills: list them, write one's evidence, check a file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every signed version")
        verbs.add_parser("key", help="the public key that reports are signed with")
        write = verbs.add_parser("write", help="the newest report of a run, as a zip file")
        write.add_argument("run", type=int)
        write.add_argument("file", type=Path)
        verify = verbs.add_parser("verify", help="who signed this file, and whether it is whole")
        verify.add_argument("file")
        verify.add_argument("--signature", default="")
        verify.add_argument("--key", action="append", required=True)
        verify.add_argument("--log", action="append", default=[])

    def handle(self, *args: object, **options: Any) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        for row in Report.objects.select_related("run"):
            self.stdout.write(f"{row}, {row.run.mode}, {row.made_at:%Y-%m-%d %H:%M}, {row.digest}")

    def _key(self, options: dict[str, Any]) -> None:
        key = report_key(Path(settings.TOCSIN_REPORT_KEY_FILE), settings.TOCSIN_HOST)
        self.stdout.write(str(key.verifier))

    def _write(self, options: dict[str, Any]) -> None:
        run = find_run(options["run"])
        row = newest_report(run) if run else None
        if row is None:
            raise CommandError(f"There is no report of run {options['run']}.")
        options["file"].write_bytes(evidence(row))
        self.stdout.write(f"{row} is in {options['file']}; its README.txt says how to check it.")

    def _verify(self, options: dict[str, Any]) -> None:
        words = [options["file"], "--signature", options["signature"]]
        for name in ("key", "log"):
            for value in options[name]:
                words += [f"--{name}", value]
        if code := offline.main(words):
            sys.exit(code)
