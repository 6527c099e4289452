"""What no host elsewhere would take is named wherever a plan is shown that places it."""

from __future__ import annotations

from django.db import transaction

from recovery.core import transitions
from recovery.drp.press import Press
from recovery.incidents import actions as incidents
from recovery.inventory import actions
from recovery.inventory.facts import ApplicationKind
from recovery.inventory.models import Application, Container, Host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.dashboard.drp.test_start import WHICH, decide, prepare, write_plain
from tests.support.fleet import BY, NOW, make_application, seat

PLACES = """\
  - id: room
    title: Is there room
    stage: activation
    owner: responder
    timeout: 2m
    undo: Nothing is changed by it.
    do: {kind: check, that: capacity_is_there}
  - id: agree
    title: Go on
    stage: activation
    owner: responder
    timeout: 5m
    undo: Nothing is changed by it.
    needs: [room]
    approval: {role: approver, count: 1}
    do: {kind: approval, question: Does everybody agree}
  - id: place
    title: Start elsewhere
    stage: recovery
    owner: responder
    timeout: 5m
    undo: Stop them.
    needs: [agree]
    do:
      kind: for_each
      wave: 50
      gate: {that: applications_answer, at_least: 90}
      do: {kind: place_applications, select: {of: lost}}
"""


def seat_in(name: str, host: str, port: int) -> None:
    row = Container.objects.filter(application__name=name).earliest("ordinal")
    seat(row, Host.objects.get(name=host), port=port)


def make_search() -> Application:
    """It fits by its memory; no host that is left has its label."""
    return actions.register_application(
        name="search",
        about="for tests",
        kind=ApplicationKind.STATELESS,
        copies=1,
        priority=60,
        cpu_millis=200,
        memory_mib=128,
        required_labels={"disk": "ssd"},
        image="",
        command=["{python}", "service.py"],
        actor=BY,
        reason="test",
        now=NOW,
    )


def make_work() -> None:
    make_search()
    for name in ("cart", "payment", "portal"):
        make_application(name, copies=1)
    for port, name in enumerate(("search", "cart", "payment", "portal", "shop"), start=9000):
        seat_in(name, "par1-r1-h1", port)


def test_a_plan_says_what_of_it_finds_no_host_before_it_is_prepared_and_before_a_yes(
    ground: Ground, enter: Enter
) -> None:
    make_work()
    write_plain(PLACES, "modes: [simulation, planned]")
    client = enter("amelie")
    page = text(client.get(WHICH.format("simulation")))
    assert "5 in 1 wave: search, cart, payment and 2 more." in page
    assert "640 MiB are needed" in page
    assert "Memory is not all: search (1 container, each " in page
    assert "Finds no host elsewhere: search (1 container, each " in page
    assert "2 of 3 steps would not work now" in page
    left = page.split("What is left out</h2>")[1].split("</section>")[0]
    assert "Nothing." not in left
    assert "1 container fits nowhere else now" in left
    done = prepare(client, WHICH.format("simulation"))
    ground.press(Press.START)
    ground.look()
    ground.press(Press.ABORT)
    ground.look()
    done = prepare(client, WHICH.format("planned"), override="It burns.")
    assert done.status_code == 302, text(done)
    ground.press(Press.START)
    for _ in range(4):
        ground.look()
    asked = Desk(ground, enter("bruno"), "bruno", "agree").read()
    assert "This plan places 1 application for which the scheduler finds no host" in asked
    assert "What finds none stays where it serves, with a yes too." in asked
    search = Application.objects.get(name="search")
    no_labels: dict[str, object] = {"required_labels": {}}
    with transaction.atomic():
        transitions.amend(
            search, no_labels, action="freed", actor=BY, reason="Any disk does.", now=NOW
        )
    again = Desk(ground, enter("bruno"), "bruno", "agree").read()
    assert "finds no host" not in again, "it is of the moment, and no part of what is signed"


def test_while_a_plan_runs_it_is_the_one_next_act_and_says_what_it_places(
    ground: Ground, enter: Enter
) -> None:
    """Acknowledging comes after it, and what has no seat is no act of its own."""
    make_work()
    write_plain(PLACES, "modes: [simulation, disaster]")
    incident = decide().incident
    assert incident is not None
    incident.refresh_from_db()
    incidents.widen_incident(
        incident=incident, domain="region:fr", actor=BY, reason="More is lost.", now=ground.now
    )
    bell = f'formaction="/incidents/{incident.number}/acknowledge/"'
    assert bell in enter("bruno").get("/").content.decode()
    assert "no seat yet" in text(enter("bruno").get("/"))
    done = prepare(enter("amelie"), WHICH.format("disaster"), override="It burns.")
    assert done.status_code == 302, text(done)
    ground.press(Press.START)
    run = ground.run
    page = text(enter("amelie").get("/"))
    assert f'<a class="btn main" href="/recovery/runs/{run.number}/">Go on with {run}</a>' in page
    assert bell not in page
    assert f"acknowledge {incident}</a>, which rings until somebody has it." in page
    assert "Look at what has no seat" not in page
    assert f"The plan {run} places it" in page
    assert "no seat yet" not in page
    for _ in range(4):
        ground.look()
    asked = ground.ask("agree")
    page = text(enter("bruno").get("/"))
    assert f'<a class="btn main" href="/recovery/approve/{asked.pk}/">' in page
    assert bell not in page
