"""A runbook is chosen, shown on the live inventory, and prepared once, as it was shown."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from recovery.audit.facts import Actor
from recovery.brief.actions import decide_on
from recovery.brief.canon import canonical, document
from recovery.brief.facts import Choice
from recovery.brief.models import Decision
from recovery.brief.queries import fleet_at
from recovery.core import clock
from recovery.drp import actions
from recovery.drp.models import Run
from recovery.drp.press import Press
from recovery.drp.views.losses import losses_of, risk_of
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter, seen_of, text
from tests.dashboard.drp.test_approve import move_on
from tests.dashboard.losing import lose_datacenter
from tests.decisions.drp.books import raw

STEPS = """\
  - id: silent
    title: Is it silent
    stage: activation
    owner: responder
    timeout: 2m
    undo: Nothing is changed by it.
    do: {kind: check, that: datacenter_is_silent}
  - id: call
    title: Call the site
    stage: activation
    owner: responder
    timeout: 10m
    undo: Nothing is changed by it.
    needs: [silent]
    do: {kind: manual, instructions: Call the duty desk., evidence: Who said what.}
  - id: agree
    title: Go on
    stage: activation
    owner: responder
    timeout: 5m
    undo: Nothing is changed by it.
    needs: [call]
    approval: {role: approver, count: 1}
    do: {kind: approval, question: Does everybody agree}
"""
WHICH = "/recovery/start/?runbook=plain&mode={}&lost=PAR1&into=OSU2"


def write_plain(steps: str = STEPS, modes: str = "") -> None:
    """A runbook of a check, a call and a question."""
    head = raw().split("steps:\n")[0].replace("runbook: datacenter-lost", "runbook: plain")
    head = head.replace("modes: [simulation, drill, disaster]", modes) if modes else head
    row = actions.write_runbook(
        raw=(head + "steps:\n" + steps).encode(),
        actor=Actor("person", "emil"),
        reason="New.",
        now=clock.system.now(),
    )
    actions.activate_runbook(
        runbook=row, actor=Actor("person", "dora"), reason="I read it.", now=clock.system.now()
    )


def decide() -> Decision:
    """PAR1 is lost, and somebody decided to recover it."""
    now = clock.system.now()
    lose_datacenter("PAR1", Host.objects.select_related("datacenter"), now)
    return decide_on(
        datacenter="PAR1",
        choice=Choice.ACTIVATE,
        seen=canonical(document(fleet_at(now).brief("PAR1"))),
        actor=Actor("person", "amelie"),
        reason="It burns.",
        now=now,
    )


def prepare(client: Client, where: str, **more: str) -> Any:
    """Whatever the plan leaves is named, each."""
    page = client.get(where).content.decode()
    left = re.findall(r'name="leaves" value="([^"]+)"', page)
    told = {"seen": seen_of(page), "reason": "It burns.", "leaves": left, **more}
    return client.post(where, told)


def test_a_simulation_says_of_each_step_what_it_would_do(ground: Ground, enter: Enter) -> None:
    ground.write()
    client = enter("amelie")
    first = text(client.get("/recovery/start/?lost=PAR1"))
    assert "Show what it would do" in first
    page = text(client.get(WHICH.format("simulation").replace("plain", "datacenter-lost")))
    assert "A datacenter is lost for good: PAR1 into OSU2." in page
    assert "Promote, 2 targets" in page
    assert "2 in 2 waves: ident, orders." in page
    assert "Point of no return." in page
    assert "somebody else approves" in page
    assert "A simulation loses nothing: production is not touched." in page
    done = prepare(client, WHICH.format("simulation").replace("plain", "datacenter-lost"))
    assert done["Location"] == f"/recovery/runs/{ground.run.number}/"


def test_only_what_is_in_its_way_is_said_to_be_there_already(ground: Ground, enter: Enter) -> None:
    run, client = ground.begin(), enter("amelie")
    where = WHICH.replace("plain", "datacenter-lost")
    for mode, is_there in (("disaster", True), ("simulation", False), ("drill", False)):
        page = text(client.get(where.format(mode)))
        assert (f">{run}</a>, a disaster by amelie, is running." in page) == is_there, mode


def test_a_way_back_of_a_run_that_moved_nothing_is_prepared_by_nobody(
    ground: Ground, enter: Enter
) -> None:
    write_plain(STEPS, "modes: [simulation, planned]")
    run = ground.begin()
    where = f"{WHICH.format('planned')}&origin={run.number}"
    assert "Select a valid choice" in text(enter("amelie").get(where)), "it goes on"
    assert enter("amelie").post(where, {"reason": "Go."}).status_code == 422
    ground.press(Press.ABORT)
    ground.look()
    page = text(enter("amelie").get(where))
    assert f"Nothing that {run} moved goes back from PAR1 into OSU2" in page
    said = {"seen": "0" * 64, "reason": "Go back.", "override": "It burns."}
    answer = enter("amelie").post(where, said)
    assert answer.status_code == 422
    assert Run.objects.count() == 1


def test_a_disaster_follows_a_decision_and_names_it(ground: Ground, enter: Enter) -> None:
    write_plain()
    client, where = enter("amelie"), WHICH.format("disaster")
    page = text(client.get(where))
    assert "Nobody has decided to recover PAR1" in page
    assert "Prepare the disaster" not in page
    seen = {"seen": "0" * 64, "reason": "Go.", "override": "It burns."}
    assert client.post(where, seen).status_code == 422, "first it says what stays down"
    refused = client.post(where, seen | {"leaves": ["ident", "orders"]})
    assert refused.status_code == 422
    assert "Nobody has decided to recover PAR1" in text(refused)
    assert not Run.objects.exists()
    decision = decide()
    assert "Start its runbook…" in text(client.get("/recovery/PAR1/"))
    page = text(client.get(where))
    assert f"{decision}</a>, amelie" in page
    assert "Stale: It was never drilled" in page
    assert prepare(client, where).status_code == 422, "a stale one takes a name and a reason"
    done = prepare(client, where, override="It burns.")
    assert done.status_code == 302
    assert Run.objects.get().decision == decision
    page = text(client.get(done["Location"]))
    assert f"/recovery/decisions/{decision.number}/" in page
    assert "amelie: It burns." in page
    assert f"Go on with {Run.objects.get()}" in text(client.get("/recovery/PAR1/"))


def test_nothing_is_planned_into_a_datacenter_that_is_lost_itself(
    ground: Ground, enter: Enter
) -> None:
    ground.write()
    decide()
    lose_datacenter("OSU2", Host.objects.select_related("datacenter"), clock.system.now())
    client = enter("amelie")
    first = client.get("/recovery/start/?lost=PAR1").content.decode()
    assert re.search(r'<option value="MRS1"\s+selected', first.split('name="into"')[1])
    where = WHICH.format("disaster").replace("plain", "datacenter-lost")
    why = "OSU2, which takes over, looks lost: 2 of 2 hosts."
    assert why in text(client.get(where))
    plan = {"runbook": "datacenter-lost", "mode": "disaster", "lost": "PAR1", "into": "OSU2"}
    told = plan | {"reason": "It burns.", "digest": "0" * 64}
    refused = client.post("/api/drp/runs", told, content_type="application/json")
    assert (refused.status_code, why in refused.json()["detail"]) == (422, True), refused.json()
    assert not Run.objects.exists()


def test_two_who_prepare_the_same_prepare_one(ground: Ground, enter: Enter) -> None:
    ground.write()
    where = WHICH.format("simulation").replace("plain", "datacenter-lost")
    first, second = prepare(enter("amelie"), where), prepare(enter("bruno"), where)
    assert first["Location"] == second["Location"]
    assert Run.objects.get().requested_by == "amelie"


def test_a_plan_that_changed_between_reading_and_pressing_is_shown_again(
    ground: Ground, enter: Enter
) -> None:
    ground.write()
    client = enter("amelie")
    where = WHICH.format("simulation").replace("plain", "datacenter-lost")
    seen = seen_of(client.get(where).content.decode())
    move_on("ident")
    refused = client.post(where, {"seen": seen, "reason": "Go."})
    assert refused.status_code == 409
    assert "Nothing was prepared." in text(refused)
    assert not Run.objects.exists()
    again = {"seen": seen_of(refused.content.decode()), "reason": "Go."}
    assert client.post(where, again).status_code == 302


NONSENSE = (
    ("into=OSU2", "into=PAR1", "cannot take over from itself"),
    ("mode=simulation", "mode=planned", "is no plan for a planned"),
    ("lost=PAR1", "lost=NONE", "Select a valid choice"),
    ("runbook=plain", "runbook=none", "Select a valid choice"),
)


def test_what_makes_no_sense_is_said(ground: Ground, enter: Enter) -> None:
    write_plain()
    client = enter("amelie")
    for old, new, says in NONSENSE:
        page = text(client.get(WHICH.format("simulation").replace(old, new)))
        assert says in page
        assert "Prepare it" not in page


def test_a_viewer_starts_nothing(ground: Ground, enter: Enter) -> None:
    ground.write()
    assert enter("vera").get("/recovery/start/").status_code == 403
    assert "Start its runbook" not in text(enter("vera").get("/recovery/PAR1/"))


def test_without_a_runbook_in_force_the_page_says_how_to_get_one(
    ground: Ground, enter: Enter
) -> None:
    assert "No runbook is in force yet." in text(enter("amelie").get("/recovery/start/"))


def test_what_was_decided_on_is_what_is_shown_as_lost(ground: Ground, enter: Enter) -> None:
    write_plain()
    client = enter("amelie")
    decide()
    done = prepare(client, WHICH.format("disaster"), override="It burns.")
    page = text(client.get(done["Location"]))
    assert "Data at risk" in page
    told = {one.database: one for one in losses_of(Run.objects.get())}
    assert set(told) == {"ident", "orders"}
    assert not any(one.is_all for one in told.values())
    risk = risk_of(tuple(told.values()))
    assert risk is not None
    assert risk.unknown == ("ident", "orders"), "nobody saw how far their standbys are"
    assert "not known" in page
    assert "; of 2 nobody knows" in page


def test_a_sole_approver_reads_before_the_start_that_nobody_is_left_to_say_yes(
    ground: Ground, enter: Enter
) -> None:
    write_plain()
    decide()
    for who in ("chloe", "dora"):
        ground.dismiss(who)
    said = "takes one person of role approver: nobody is left."
    where = WHICH.format("disaster")
    assert said not in text(enter("amelie").get(where)), "bruno is"
    assert said not in text(enter("bruno").get(WHICH.format("simulation"))), "it asks nobody"
    client = enter("bruno")
    page = text(client.get(where))
    assert f"“Go on” {said} bruno asks for the run, and approves no step of it." in page
    assert "emil wrote the runbook, and approves no step of it." in page
    assert "Let amelie or emil ask for it instead: then bruno may approve." in page
    plan = {"runbook": "plain", "mode": "disaster", "lost": "PAR1", "into": "OSU2"}
    answer = client.post("/api/drp/plan", plan, content_type="application/json").json()
    assert [said in one for one in answer["unanswered"]] == [True]
    told = plan | {"reason": "It burns.", "override": "It burns.", "leaves": answer["leaves"]}
    done = client.post(
        "/api/drp/runs", told | {"digest": answer["seen"]}, content_type="application/json"
    )
    assert said in done.json()["said"]
    run = Run.objects.get()
    page = text(client.get(f"/recovery/runs/{run.number}/start/"))
    assert said in page
    assert 'name="reason"' in page, "it may be started nevertheless"
