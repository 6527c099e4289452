"""`manage.py audit …`: verify the sealed log, take it home, prove one entry, see its keys."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from dashboard.management.words import words
from recovery.audit import queries
from recovery.audit.actions import append_entries
from recovery.audit.bundle import prove, write_bundle
from recovery.audit.export import FORMATS, export_lines
from recovery.audit.facts import Actor, Entry
from recovery.audit.verify import Verified, verify_log
from recovery.core.clock import system
from recovery.core.moments import BadMoment, read_moment
from recovery.core.tlog.notes import BadNote, VerifierKey
from recovery.gateway.witnesses import witness_keys
from recovery.sealer.keys import make_key_anew
from recovery.sealer.stores import kept_notes
from recovery.sealer.watch import end_altered


class Command(BaseCommand):
    help = "Verify, export and prove the sealed audit log."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="all entries against all that was signed")
        verify.add_argument("--key", action="append", default=[], help="the log's public key")
        verify.add_argument("--seen", action="append", default=[], type=Path, metavar="CHECKPOINT")
        export = verbs.add_parser("export", help="sealed entries as lines")
        export.add_argument("--format", choices=FORMATS, default="jsonl")
        export.add_argument("--from", dest="first", type=int, default=0, metavar="LEAF")
        export.add_argument("--limit", type=int)
        for name in ("object_type", "object_id", "actor", "action"):
            export.add_argument(f"--{name.replace('_', '-')}", default="")
        for name in ("since", "until"):
            export.add_argument(f"--{name}", type=_instant, default=None)
        bundle = verbs.add_parser("bundle", help="a zip file that can be verified anywhere")
        bundle.add_argument("file", type=Path)
        bundle.add_argument("--from", dest="first", type=int, default=0, metavar="LEAF")
        proof = verbs.add_parser("prove", help="the .tlog-proof of one leaf")
        proof.add_argument("leaf", type=int)
        anew = verbs.add_parser("anew", help="another log's key, after a restore of our own rows")
        anew.add_argument("--reason", type=words, required=True)
        verbs.add_parser("keys", help="public keys of the log and of its witnesses")

    def handle(self, *args: object, **options: object) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _verify(self, options: dict[str, list[Path]]) -> None:
        try:
            keys = [VerifierKey.parse(str(text)) for text in options["key"]]
        except BadNote as error:
            raise CommandError(f"{error}.") from error
        seen = [path.read_text() for path in options["seen"]] + kept_notes()
        found = verify_log(keys=keys, witnesses=witness_keys(), seen=seen)
        for finding in found.findings:
            self.stdout.write(f"WRONG: {finding.said}")
        self.stdout.write(said(found))
        if not found.is_whole:
            sys.exit(1)

    def _export(self, options: dict[str, object]) -> None:
        only = {name: options[name] for name in queries.FILTERS}
        lines = export_lines(
            str(options["format"]),
            first=int(str(options["first"])),
            at_most=None if options["limit"] is None else int(str(options["limit"])),
            only=only,
        )
        for _, line in lines:
            self.stdout.write(line)

    def _bundle(self, options: dict[str, object]) -> None:
        path, keys = Path(str(options["file"])), [str(key) for key in witness_keys().values()]
        with path.open("wb") as out:
            count = write_bundle(
                out, first=int(str(options["first"])), witness_keys=keys, now=system.now()
            )
        self.stdout.write(f"{count} entries in {path}; its README.txt says how to check them.")

    def _prove(self, options: dict[str, int]) -> None:
        text = prove(options["leaf"])
        if text is None:
            raise CommandError(f"No checkpoint covers leaf {options['leaf']} yet.")
        self.stdout.write(text, ending="")

    def _anew(self, options: dict[str, str]) -> None:
        """Written down first; a sealer that runs takes the new key within seconds."""
        now = system.now()
        with transaction.atomic():
            append_entries([begun_anew(options["reason"], now)])
        key = make_key_anew(Path(settings.TOCSIN_AUDIT_KEY_FILE), settings.TOCSIN_HOST)
        end_altered(reason=f"A new log was begun: {options['reason']}", now=now)
        self.stdout.write(f"log      {key.verifier}")

    def _keys(self, options: dict[str, object]) -> None:
        for key in queries.log_keys():
            self.stdout.write(f"log      {key}")
        for witness in witness_keys().values():
            self.stdout.write(f"witness  {witness}")


def begun_anew(reason: str, now: datetime) -> Entry:
    return Entry(
        action="begun anew",
        object_type="audit_log",
        object_id="1",
        object_version=len(queries.log_keys()) + 1,
        actor=Actor("command", "audit"),
        reason=reason,
        at=now,
        before={"keys": queries.log_keys()},
    )


def said(found: Verified) -> str:
    """The counts, in words. What was not looked at is never counted as wrong, nor as right."""
    under = (
        f"{found.checkpoints} checkpoints, {len(found.witnesses)} witnesses; "
        f"{found.unsealed} entries are not sealed yet."
    )
    later = found.sealed - found.proven
    if found.is_whole and later:  # merely younger than the newest checkpoint
        more = "is sealed and waits for its" if later == 1 else "are sealed and wait for their"
        return (
            f"{found.proven} sealed entries are as they were signed, {later} more {more}"
            f" signature: nothing is wrong; {under}"
        )
    if found.stopped is None:
        proven = f"{found.proven} of {found.sealed} sealed entries are as they were signed"
        return f"{proven}, under {under}"
    return (
        f"Stopped at leaf {found.stopped} of {found.sealed} sealed entries: the first "
        f"{found.proven}, up to the last checkpoint before it, are proven; what comes after it "
        f"was not looked at. {under}"
    )


def _instant(text: str) -> datetime:
    """In UTC, or with its offset."""
    try:
        return read_moment(text)
    except BadMoment as error:
        raise ArgumentTypeError(str(error)) from error
