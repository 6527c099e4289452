"""What nobody sees is never drawn as fine, least of all to who signs what cannot be taken back."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from dashboard import pulse
from recovery.core import clock, control
from recovery.core.models import LeaderBeat
from recovery.core.moments import instant
from recovery.detection.actions import go_blind
from recovery.drp.models import Approval
from recovery.inventory.actions import remember_host
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.support.fleet import BY

IS_WATCHED = pulse.Pulse.is_watched
"""Before these tests say that somebody watches."""
WHY = "Only 2 of 6 hosts are heard."
DEAD = timedelta(minutes=2)


def go_dark() -> str:
    """Tocsin is blind; OSU2 told its last two minutes ago, the others a moment ago."""
    now = clock.system.now()
    for host in Host.objects.select_related("datacenter"):
        ago = DEAD if host.datacenter.name == "OSU2" else timedelta(seconds=5)
        remember_host(host=host.pk, now=now - ago)
    go_blind(reasons=[WHY], actor=BY, now=now)
    return instant(now - DEAD)


def test_a_datacenter_that_nobody_sees_is_not_said_to_answer(ground: Ground, enter: Enter) -> None:
    last = go_dark()
    page = text(enter("amelie").get("/recovery/OSU2/"))
    assert "Tocsin does not see: whether OSU2 answers is not known." in page
    assert f"Nothing is heard now of both hosts of OSU2; the last word came at {last}" in page
    assert WHY in page
    assert "OSU2 answers:" not in page
    assert "not known</dd><dd>if it vanished now" in page, "no time is promised by what is not seen"
    assert "Its agents told of themselves a moment ago: both hosts of MRS1." in text(
        enter("amelie").get("/recovery/MRS1/")
    )


def test_the_list_of_datacenters_says_how_many_are_not_heard(ground: Ground, enter: Enter) -> None:
    go_dark()
    page = text(enter("amelie").get("/recovery/"))
    assert "not seen, 2 of 2 not heard" in page
    assert "not seen, 0 of 2 not heard" in page
    assert "answers, 0 of 2 gone" not in page
    assert "as last recorded: Tocsin is blind" in page
    found = {one["datacenter"]: one for one in enter("amelie").get("/api/recovery").json()}
    assert found["OSU2"]["look"] == "unseen"


def test_who_signs_is_told_and_their_yes_is_refused_their_no_taken(
    ground: Ground, enter: Enter
) -> None:
    ground.begin()
    ground.until("promote")
    ground.look()
    bruno = Desk(ground, enter("bruno"), "bruno", "promote")
    bruno.read()
    last = go_dark()
    refused = bruno.approve()
    assert refused.status_code == 409
    for page in (text(refused), bruno.read()):
        assert "A no is taken now." in page
        assert f"of both hosts of OSU2; the last word came at {last}" in page
    assert "Your yes was not taken; the question stays open." in text(refused)
    assert not Approval.objects.filter(ask=ground.ask("promote")).exists()
    run = bruno.client.get(f"/api/drp/runs/{ground.run.number}").json()
    assert (run["hold"], run["drift"]) == (WHY, [])
    assert "last word came at" in bruno.client.get("/api/drp/questions").json()[0]["unseen"]
    assert bruno.deny().status_code == 302


class Beats:
    """The leader's beat as this process saw it, on a clock of the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1000.0
        system = SimpleNamespace(monotonic=lambda: self.at)
        monkeypatch.setattr(pulse, "clock", SimpleNamespace(system=system))
        monkeypatch.setattr(pulse, "pulse", pulse.Pulse())
        monkeypatch.setattr(pulse.Pulse, "is_watched", IS_WATCHED)

    def stand_still(self, seconds: float) -> None:
        assert pulse.is_watched() is not False
        self.at += seconds

    def move(self) -> None:
        LeaderBeat.objects.update(beat=control.read_beat()[1] + 1)


def test_where_no_controller_looks_a_yes_is_refused_and_a_no_is_taken(
    ground: Ground, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.begin()
    ground.until("promote")
    ground.look()
    bruno = Desk(ground, enter("bruno"), "bruno", "promote")
    beats = Beats(monkeypatch)
    assert "No yes is taken" not in bruno.read()
    beats.stand_still(pulse.STILL_SECONDS + 1)
    refused = bruno.approve()
    assert refused.status_code == 409
    for page in (text(refused), bruno.read()):
        assert "Tocsin does not see: no controller is watching the fleet." in page
        assert "A no is taken now." in page
    assert "Your yes was not taken; the question stays open." in text(refused)
    assert not Approval.objects.filter(ask=ground.ask("promote")).exists()
    api = bruno.client
    assert "no controller is watching" in api.get("/api/drp/questions").json()[0]["unseen"]
    run = api.get(f"/api/drp/runs/{ground.run.number}").json()
    assert run["hold"] == "no controller is watching the fleet."
    assert "Nothing of it begins while Tocsin does not see" in text(
        api.get(f"/recovery/runs/{ground.run.number}/")
    )
    assert bruno.deny().status_code == 302


def test_while_another_controller_takes_over_a_yes_is_taken(
    ground: Ground, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.begin()
    ground.until("promote")
    ground.look()
    bruno = Desk(ground, enter("bruno"), "bruno", "promote")
    beats = Beats(monkeypatch)
    bruno.read()
    beats.stand_still(pulse.STILL_SECONDS - 1)
    assert bruno.approve().status_code == 302
    beats.stand_still(pulse.STILL_SECONDS)
    beats.move()
    assert pulse.unwatched() == "", "the new leader's first beat is enough"
