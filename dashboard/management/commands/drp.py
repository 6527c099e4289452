"""`manage.py drp`: runs of recovery plans from the command line, when pages are far away.

A person is named by hand and their roles are looked at as everywhere; saying yes takes a passkey,
and so a browser.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from dashboard.acts import runs as acts
from dashboard.management.words import words
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.audit.facts import Actor
from recovery.core.errors import Refused, TocsinError
from recovery.drp.facts import Mode, called
from recovery.drp.press import Press
from recovery.drp.queries import rights_of
from recovery.drp.views.runs import run_lines, view_run
from recovery.drp.views.starts import find_book, preview
from recovery.drp.views.waiting import open_asks

ON_RUN = (Press.START, Press.WITHDRAW, Press.PAUSE, Press.RESUME, Press.ABORT)
ON_STEP = (Press.RETRY, Press.SKIP, Press.UNDO, Press.REPORT)


class Command(BaseCommand):
    help = "Runs of recovery plans: list, show, prepare, start, pause, resume, abort, report, deny."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        does.add_parser("list", help="runs, and what waits for a yes")
        show = does.add_parser("show", help="one run, step by step")
        show.add_argument("number", type=int)
        prepare = does.add_parser("prepare", help="resolve a runbook and keep its plan")
        prepare.add_argument("runbook")
        prepare.add_argument("--mode", choices=[str(mode) for mode in Mode], required=True)
        prepare.add_argument("--lost", required=True, metavar="DATACENTER")
        prepare.add_argument("--into", required=True, metavar="DATACENTER")
        prepare.add_argument(
            "--override", type=words, default="", help="why although the runbook is stale"
        )
        prepare.add_argument(
            "--origin", type=_number, default=0, metavar="DRP-N", help="the run that is taken back"
        )
        kept = prepare.add_mutually_exclusive_group()
        kept.add_argument(
            "--keep", action="append", metavar="DATABASE",
            help="keep aside what its returned copies hold; of the others it follows again",
        )  # fmt: skip
        kept.add_argument("--keep-none", action="store_true", help="all of them follow again")
        prepare.add_argument(
            "--export", action="append", default=[], metavar="DATABASE",
            help="export what only its returned copies hold, before people are asked about it",
        )  # fmt: skip
        prepare.add_argument(
            "--leave", action="append", default=[], metavar="NAME",
            help="a database that the plan leaves as it is: each, to start it nevertheless",
        )  # fmt: skip
        self._by(prepare)
        for press in (*ON_RUN, *ON_STEP):
            one = does.add_parser(str(press))
            one.add_argument("number", type=int)
            if press in ON_STEP:
                one.add_argument("step")
            if press is Press.REPORT:
                one.add_argument("--key", default="", help="of its act, where several are open")
            self._by(one)
        deny = does.add_parser("deny", help="say no to a question; the run pauses")
        deny.add_argument("question", type=UUID)
        self._by(deny)

    @staticmethod
    def _by(parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, metavar="PERSON", help="who does it")
        parser.add_argument("--reason", type=words, required=True, help="it is kept with the run")

    def handle(self, *args: object, **options: Any) -> None:
        verbs: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list,
            "show": self._show,
            "prepare": self._prepare,
            "deny": self._deny,
        }
        try:
            verbs.get(options["does"], self._press)(options)
        except TocsinError as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> None:
        lines = run_lines()
        for one in lines:
            self.stdout.write(
                f"{one.name}  {one.mode:10} {one.state:8} {one.lost} into {one.into}  {one.runbook}"
            )
        for ask in open_asks():
            people = ", ".join(ask.people) or f"nobody of role {ask.role}"
            self.stdout.write(f"{ask.id}  {ask.run_name} asks {people}: {ask.title}")
        if not lines:
            self.stdout.write("No runbook was run here yet.")

    def _show(self, options: dict[str, Any]) -> None:
        found = view_run(options["number"])
        if found is None:
            raise Refused(f"There is no DRP-{options['number']:04d}.")
        row = found.row
        self.stdout.write(
            f"{row}, a {called(row.mode)} of {row.lost} into {row.into}: {row.state}."
            f" {row.state_reason}"
        )
        self.stdout.write(f"{row.runbook}, asked for by {row.requested_by}. sha256 {row.digest}")
        for step in found.steps:
            count = f" {step.done}/{len(step.items)}" if step.has_items else ""
            self.stdout.write(f"{step.line.number:2}. {step.line.title} [{step.word}{count}]")
            if step.said:
                self.stdout.write(f"    {step.said}")
        for one in found.next:
            nobody = f"nobody of role {one.who}" if one.who else "nobody is waited for"
            who = " or ".join(one.people) or nobody
            self.stdout.write(f"Next: {who}: {one.says}. {one.reason}")
        for said in found.sight.drift:
            self.stdout.write(f"Drifted: {said}")
        for copy in found.sight.better:
            self.stdout.write(f"{copy.said} Plan it anew.")

    def _prepare(self, options: dict[str, Any]) -> None:
        actor = self._actor(options["by"], needs="responder")
        screen = Screen(Role.RESPONDER)
        lost = options["lost"]
        if lost not in screen.recovery.sites:
            raise Refused(f"There is no datacenter {lost}.", field="lost")
        start = _decided(
            acts.Start(
                options["runbook"],
                Mode(options["mode"]),
                lost,
                options["into"],
                screen.brief(lost).sentence,
                options["origin"],
            ),
            [] if options["keep_none"] else options["keep"],
            options["export"],
        )
        book = find_book(start.runbook)
        seen = preview(book, start.wish, actor.id) if book else None
        row = acts.prepare(
            start,
            seen=seen.seen if seen else "",
            override=options["override"],
            leaves=options["leave"],
            actor=actor,
            reason=options["reason"],
        )
        for move in seen.plan.moves if seen else ():
            if move.held:
                said = f"{move.target.name}: {move.choice}. {move.held} {move.where}"
                self.stdout.write(said.strip())
        for step in seen.steps if seen else ():
            if not step.works:
                self.stdout.write(f"{step.line.title}: would not work now. {step.said}")
        for lonely in seen.unanswered if seen else ():
            self.stdout.write(str(lonely))
        self.stdout.write(f"{row} is prepared. Nothing of it has begun.")

    def _press(self, options: dict[str, Any]) -> None:
        said = acts.press(
            options["number"],
            Press(options["does"]),
            step=options.get("step", ""),
            key=options.get("key", ""),
            actor=self._actor(options["by"]),
            reason=options["reason"],
        )
        self.stdout.write(said)

    def _deny(self, options: dict[str, Any]) -> None:
        actor = self._actor(options["by"])
        page = acts.find_ask(options["question"], actor.id)
        self.stdout.write(acts.deny(page, actor=actor, reason=options["reason"]))

    @staticmethod
    def _actor(name: str, needs: str = "viewer") -> Actor:
        """`Refused` where they are nobody who is let in, or may not."""
        if needs not in rights_of(name):
            raise Refused(f"{name} has no role {needs}.")
        return Actor("person", name, auth="command line")


def _number(text: str) -> int:
    """Of a run: 7, or DRP-0007 as it is shown everywhere."""
    number = text.upper().removeprefix("DRP-")
    if not number.isascii() or not number.isdigit():
        raise ArgumentTypeError(f"{text} is no run: DRP-0007, or 7")
    return int(number)


def _decided(
    start: acts.Start, keep: Collection[str] | None, export: Collection[str]
) -> acts.Start:
    """What is kept of what came back, by the names of databases; None: nothing was said of it. And
    what is exported first."""
    if keep is None and not export:
        return start
    back = start.wish.back
    if back is None:
        raise Refused("Name the run that is taken back too: --origin DRP-N.", field="origin")
    kept = None if keep is None else acts.kept_ids(back, keep)
    return replace(start, keep=kept, export=acts.kept_ids(back, export, field="export"))
