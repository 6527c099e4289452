"""While a plan runs, the overview leads whom it waits for to its question, and nobody astray."""

from __future__ import annotations

import re
from html import unescape
from uuid import uuid4

import pytest

from recovery.core.clock import ManualClock
from recovery.detection.freezes import lift_freeze
from recovery.detection.queries import standing_freezes
from recovery.drp.carrying import make_cycle
from recovery.drp.facts import Mode
from recovery.drp.press import Press
from recovery.failover.actions.fences import Cause, raise_fence
from recovery.inventory.models import Datacenter, Host
from tests.actions.drp.ground import Ground, short_runbook
from tests.actions.drp.test_carrying import active, looks, prepare
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.dashboard.drp.test_owners import begin
from tests.dashboard.losing import lose_datacenter
from tests.decisions.drp.books import raw
from tests.support.fleet import BY
from tests.support.freezes import freeze


def overview(enter: Enter, who: str) -> str:
    return enter(who).get("/").content.decode()


def test_the_one_button_is_the_yes_that_waits_for_this_very_person(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.look()
    button = f'<a class="btn main" href="/recovery/approve/{ground.ask("tell").pk}/">'
    for who, is_asked in (("bruno", True), ("chloe", True), ("amelie", False)):
        assert (button in overview(enter, who)) == is_asked, who
    ground.say("tell", "bruno")
    assert button not in overview(enter, "bruno"), "their yes is in"


def test_what_a_plan_that_goes_on_froze_and_fenced_is_its_own(ground: Ground, enter: Enter) -> None:
    clock, blind = ManualClock(ground.now), ["No digest."]
    begin(ground, clock, blind)
    looks(ground, clock, 2)
    name = str(ground.run)
    freeze(now=ground.now, run_name=name)
    site = Datacenter.objects.get(name="PAR1").pk
    cause = Cause("r/fence/x/1", uuid4(), name, "fence", "amelie")
    raise_fence(datacenter=site, cause=cause, actor=BY, reason="It burns.", now=ground.now)
    html = overview(enter, "bruno")
    assert "Lift the" not in html
    assert html.count(f"{name}</a>, which is not over: go on with it, or abort it.") == 2
    blind[0] = ""
    looks(ground, clock, 5)
    assert ground.step("see").state == "done"
    html = overview(enter, "bruno")
    assert "Lift the freeze…" in html, "all that is left is done by hand"
    assert "Lift the fence of PAR1…" in html


LAST = """\
  - id: empty
    title: Empty
    stage: activation
    owner: responder
    timeout: 1m
    undo: Nothing.
    do: {kind: check, that: datacenter_is_silent}
    on_failure: go_on
  - id: thaw
    title: Thaw
    stage: activation
    owner: responder
    timeout: 5m
    undo: Nothing.
    needs: [empty]
    do: {kind: manual, instructions: Lift the freeze on the overview., evidence: Who.}
"""


def test_a_step_that_failed_and_is_gone_on_without_keeps_no_freeze_from_being_lifted(
    ground: Ground, enter: Enter
) -> None:
    """A run that asks people to lift its freeze has to let them."""
    head = raw("evacuation").split("steps:\n")[0]
    prepare(active(head + "steps:\n" + LAST), Mode.PLANNED)
    ground.press(Press.START)
    clock = ManualClock(ground.now)
    ground.cycle = make_cycle(clock)
    freeze(now=ground.now, run_name=str(ground.run))
    assert "Lift the freeze…" not in overview(enter, "bruno"), "its check is still to come"
    looks(ground, clock, 4)
    assert (ground.step("empty").state, ground.step("thaw").state) == ("failed", "begun")
    assert "Lift the freeze…" in overview(enter, "bruno")
    ground.press(Press.REPORT, step="thaw", reason="I lifted it.")
    looks(ground, clock, 2)
    assert ground.run.state == "done"
    page = f"/recovery/runs/{ground.run.number}/"
    html = text(enter("bruno").get(page))
    assert "It is over, and what it froze is frozen still: lift its freeze on the" in html
    (row,) = standing_freezes()
    lift_freeze(freeze=row.pk, actor=BY, reason="I forgot.", now=ground.now)
    assert "It is over: nobody has anything to do." in text(enter("bruno").get(page))


def test_after_the_last_yes_that_was_wanted_nobody_is_waited_for(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.look()
    page = f"/recovery/runs/{ground.run.number}/"
    assert "bruno or chloe or dora" in text(enter("bruno").get(page))
    ground.say("tell", "bruno")
    for who in ("bruno", "chloe"):
        html = enter(who).get(page).content.decode()
        assert "<b>“Tell”:</b> bruno said yes (1 of 1)." in html
        assert "It has what it needs; its step begins." in html
        assert "Approve “Tell”" not in html, who
        assert "waits for" not in html.split('id="p-run-next')[1].split("</section>")[0], who
    asked = Desk(ground, enter("bruno"), "bruno", "tell").read()
    assert "Your yes is in (1 of 1).</b> It has what it needs; its step begins." in asked
    assert f"/recovery/approve/{ground.ask('tell').pk}/" not in overview(enter, "chloe")
    ground.look()
    ground.look()
    ground.say("fence", "bruno")
    html = text(enter("bruno").get(page))
    assert "said yes (1 of 2)" in html
    assert "its step begins" not in html


def test_what_was_aborted_is_planned_anew_by_what_is_so_now(ground: Ground, enter: Enter) -> None:
    ground.begin()
    page, link = f"/recovery/runs/{ground.run.number}/", "Plan it anew…"
    assert link not in enter("amelie").get(page).content.decode()
    ground.press(Press.ABORT, reason="PAR3 is gone, too.")
    ground.look()
    assert ground.run.state == "aborted"
    html = enter("amelie").get(page).content.decode()
    found = re.search(r'<a class="btn main" href="([^"]+)">Plan it anew', html)
    assert found
    assert "nobody has anything to do" not in html
    again = enter("amelie").get(unescape(found[1]))
    assert again.status_code == 200
    assert f"Start a runbook for {ground.run.lost}" in text(again)
    assert link not in enter("vera").get(page).content.decode(), "who only looks plans nothing"
    ground.prepare()
    assert link not in enter("amelie").get(f"/recovery/runs/{ground.run.number}/").content.decode()
    assert link not in enter("amelie").get(page).content.decode(), "somebody has"


@pytest.mark.parametrize("mode", [Mode.DISASTER, Mode.PLANNED])
def test_nothing_is_planned_anew_into_what_was_lost_meanwhile(
    ground: Ground, enter: Enter, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_both = short_runbook().replace(b"drill, disaster]", b"planned, disaster]")
    monkeypatch.setattr("tests.actions.drp.ground.short_runbook", lambda: of_both)
    ground.prepare(mode)
    ground.press(Press.WITHDRAW)
    lose_datacenter("OSU2", Host.objects.select_related("datacenter"), ground.now)
    html = enter("amelie").get(f"/recovery/runs/{ground.run.number}/").content.decode()
    (href,) = re.findall(r'<a class="btn main" href="([^"]+)">', html)
    assert (href == "/recovery/OSU2/") == (mode is Mode.PLANNED)
    assert "into=OSU2" not in href


def test_a_drill_and_a_simulation_that_were_aborted_are_over(ground: Ground, enter: Enter) -> None:
    ground.prepare(Mode.SIMULATION)
    ground.press(Press.WITHDRAW, reason="Not this one.")
    assert ground.run.state == "aborted"
    html = text(enter("amelie").get(f"/recovery/runs/{ground.run.number}/"))
    assert "Plan it anew" not in html
    assert "It is over" in html
