"""Activate or wait? on its pages: before, while a datacenter is lost, and the decision itself."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.brief.models import Decision, ProviderWord
from recovery.core import clock
from recovery.incidents.models import Incident
from recovery.inventory import actions
from recovery.inventory.models import Host
from tests.dashboard import bases, fleet
from tests.dashboard.conftest import SignIn
from tests.dashboard.fleet import plain
from tests.dashboard.losing import lose_datacenter


def lose_par1(hosts: dict[str, Host]) -> Incident:
    """With a database that has a standby elsewhere and one that has nothing."""
    now = clock.system.now()
    away = [hosts["par1-r1-h02"], hosts["osu2-r1-h03"]]
    far = bases.seed_database("far-pg", away, now, port=15460)
    alone = bases.seed_database("alone-pg", [hosts["par1-r2-h01"]], now, port=15461)
    for one in (far, alone):
        bases.serve(one, now)
    return lose_datacenter("PAR1", hosts.values(), now, [far, alone])


def text(topic: str) -> str:
    return plain(draw(topic, Screen(Role.RESPONDER)))


def token_and_seen(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_before_anything_happens_each_datacenter_says_what_its_loss_would_mean(
    sign_in: SignIn,
) -> None:
    page = plain(sign_in("viewer").get("/recovery/").content.decode())
    for site in ("PAR1", "OSU2", "MRS1"):
        assert f'href="/recovery/{site}/"' in page
    assert "No datacenter looks lost." in page
    one = plain(sign_in("viewer").get("/recovery/OSU2/").content.decode())
    assert "OSU2 answers: all its 6 hosts." in one
    assert "If it vanished now" in one
    assert "Note it for" not in one, "there is nothing to write in"
    assert sign_in("viewer").get("/recovery/NONE/").status_code == 404


def test_a_lost_datacenter_is_where_the_overview_and_its_incident_lead(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    incident = lose_par1(hosts)
    client = sign_in("responder")
    client.post(f"/incidents/{incident.number}/acknowledge/")
    for topic in ("next", f"incident-next:{incident.number}"):
        assert "Activate or wait? PAR1" in text(topic)
        assert 'href="/recovery/PAR1/"' in text(topic)
    assert "Recover PAR1 elsewhere…" in text("recovery-next:PAR1")
    assert "Acknowledge" not in text("recovery-next:PAR1")
    assert "Recover PAR1" not in draw("recovery-next:PAR1", Screen(Role.VIEWER))
    assert "hidden" in text("recovery-next:OSU2")


def test_nobody_has_to_take_what_they_decide_about(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    """It grew, and is nobody's again: both ways stand on the page, and who decides takes it."""
    incident = lose_par1(hosts)
    shown = text("recovery-next:PAR1")
    assert f"Acknowledge {incident}" in shown
    assert "Recover PAR1 elsewhere…" in shown
    assert draw("recovery-next:PAR1", Screen(Role.RESPONDER)).count("btn main") == 1, "one next"
    assert f"Who decides has {incident}, too." in shown


def test_the_page_says_what_is_lost_what_waits_and_why(hosts: dict[str, Host]) -> None:
    incident = lose_par1(hosts)
    voice = text("recovery-voice:PAR1")
    assert "PAR1 looks lost: all its 6 hosts are silent." in voice
    assert f"/incidents/{incident.number}/" in voice
    assert "of alone-pg, which is nowhere else" in voice
    assert 'data-alarm="open"' in voice
    loss = text("recovery-loss:PAR1")
    assert loss.index("alone-pg") < loss.index("far-pg"), "worst first"
    assert "standby osu2-r1-h03 in OSU2" in loss
    assert "everything" in loss
    weigh = text("recovery-weigh:PAR1")
    assert "nobody knows" in weigh, "the provider has said nothing"
    assert "no drill yet" in weigh
    assert "nothing</b>, if its disks come back" in weigh
    assert "Then OSU2 is at" in weigh
    waves = text("recovery-waves:PAR1")
    assert "Point of no return." in waves
    assert "No failover was measured here yet" in waves
    assert "not known" in waves
    evidence = text("recovery-evidence:PAR1")
    assert "Is PAR1 gone or without power?" in evidence
    assert "nobody who can see the site, nor the provider, has said what happened" in evidence
    promises = text("recovery-promises:PAR1")
    assert "Business databases" in promises
    assert "Two or more containers" in promises


def test_a_wait_is_decided_on_a_page_that_stands_still(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    lose_par1(hosts)
    client = sign_in("responder")
    page = client.get("/recovery/PAR1/wait/").content.decode()
    assert "recovery-" not in re.findall(r"topics=([^\"]*)", page)[0], "no push replaces it"
    until = clock.system.now() + timedelta(minutes=40)
    told = {"seen": token_and_seen(page), "until": f"{until:%Y-%m-%dT%H:%M}"}
    empty = client.post("/recovery/PAR1/wait/", {**told, "reason": ""})
    assert empty.status_code == 422
    assert "Say why: the log keeps it." in empty.content.decode()
    past = client.post(
        "/recovery/PAR1/wait/", {**told, "until": "2026-01-01T00:00", "reason": "Two hours."}
    )
    assert past.status_code == 422
    assert "is past" in past.content.decode()
    done = client.post("/recovery/PAR1/wait/", {**told, "reason": "Two hours."}, follow=True)
    said = done.content.decode()
    assert "You decided to wait for PAR1 until" in said
    made = Decision.objects.get()
    assert made.shown == told["seen"]
    assert f"responder decided at {made.at:%H:%M:%S} to wait until" in text("recovery-next:PAR1")
    kept = client.get(f"/recovery/decisions/{made.number}/").content.decode()
    assert made.digest in kept
    assert html.escape(made.shown) in kept


def test_what_changed_meanwhile_is_shown_and_the_page_is_bound_to_what_is_true_now(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    lose_par1(hosts)
    client = sign_in("responder")
    page = client.get("/recovery/PAR1/activate/").content.decode()
    note = {"said": "Both feeds are down.", "source": "status page", "cause": "gone"}
    said = client.post("/recovery/PAR1/provider/", note, follow=True).content.decode()
    assert "Noted: status page on PAR1." in said
    told = {"seen": token_and_seen(page), "typed": "PAR1", "reason": "Go."}
    refused = client.post("/recovery/PAR1/activate/", told)
    assert refused.status_code == 409
    shown = plain(refused.content.decode())
    assert "Nothing was decided." in shown
    assert "words, provider: none → Both feeds are down., gone" in shown
    assert not Decision.objects.exists()
    again = {**told, "seen": token_and_seen(refused.content.decode())}
    wrong = client.post("/recovery/PAR1/activate/", {**again, "typed": "par1"})
    assert "This is not PAR1; nothing was done." in wrong.content.decode()
    done = client.post("/recovery/PAR1/activate/", again, follow=True).content.decode()
    assert "You decided to recover PAR1." in done
    assert "to recover PAR1 elsewhere" in text("recovery-next:PAR1")
    assert "Recover PAR1 elsewhere…" not in text("recovery-next:PAR1")


def test_a_form_with_a_mistake_says_what_it_is_newly_bound_to(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    lose_par1(hosts)
    client = sign_in("responder")
    seen = token_and_seen(client.get("/recovery/PAR1/activate/").content.decode())
    told = {"seen": seen, "typed": "par1", "reason": "Go."}
    same = plain(client.post("/recovery/PAR1/activate/", told).content.decode())
    assert "Since you read this page" not in same
    client.post("/recovery/PAR1/provider/", {"said": "Down.", "source": "status page"})
    answer = client.post("/recovery/PAR1/activate/", told)
    assert answer.status_code == 422
    assert "Since you read this page" in plain(answer.content.decode())


def test_who_may_only_look_decides_nothing(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    lose_par1(hosts)
    for path in ("activate", "wait"):
        assert sign_in("viewer").get(f"/recovery/PAR1/{path}/").status_code == 403
    answer = sign_in("viewer").post("/recovery/PAR1/provider/", {"said": "x", "source": "y"})
    assert answer.status_code == 403
    assert not ProviderWord.objects.exists()


def test_a_word_without_its_source_is_refused_with_the_field(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    lose_par1(hosts)
    page = sign_in("responder").post("/recovery/PAR1/provider/", {"said": "x"}, follow=True)
    assert "Say who said so" in page.content.decode()


def test_the_api_gives_the_brief_with_its_digest_and_takes_the_decision_on_it(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    lose_par1(hosts)
    client = sign_in("responder")
    sites = client.get("/api/recovery").json()
    assert (sites[0]["datacenter"], sites[0]["look"]) == ("PAR1", "lost")
    read = client.get("/api/recovery/PAR1").json()
    assert read["brief"]["activate"]["losses"][0]["database"] == "alone-pg"
    assert read["brief"]["activate"]["losses"][0]["lost"] is None

    def press(**told: str | None) -> tuple[int, dict[str, str]]:
        body = {"choice": "wait", "digest": read["digest"], "reason": "Two hours.", **told}
        answer = client.post(
            "/api/recovery/PAR1/decide", json.dumps(body), content_type="application/json"
        )
        return answer.status_code, answer.json()

    soon = (clock.system.now() + timedelta(minutes=30)).isoformat()
    assert press(until=None)[0] == 422
    assert press(until=soon, digest="0" * 64)[0] == 409
    status, said = press(choice="activate", typed="PAR2")
    assert (status, said["field"]) == (422, "typed")
    status, said = press(until=soon)
    assert (status, said["said"][:31]) == (200, "You decided to wait for PAR1 un")
    made = Decision.objects.get()
    kept = client.get(f"/api/recovery/decisions/{made.number}").json()
    assert kept["digest"] == made.digest
    assert client.get("/api/recovery/PAR1/decisions").json()[0]["by"] == "responder"
    assert client.get("/api/recovery/NONE").status_code == 404


def test_a_push_equals_a_reload_and_twelve_more_cost_no_more_queries(
    hosts: dict[str, Host], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    lose_par1(hosts)
    now = clock.system.now()
    for n in range(12):
        bases.seed_database(f"more-{n}", [hosts["par1-r1-h01"]], now, port=17000 + n)
        fleet.seed_application(f"app-{n}", [hosts["mrs1-r2-h02"]], now, port=22000 + n)
    parts = ("voice", "next", "weigh", "loss", "fit", "waves", "promises", "evidence", "told")
    with django_assert_max_num_queries(60):
        screen = Screen(Role.RESPONDER)
        first = [draw(f"recovery-{part}:PAR1", screen) for part in parts]
    screen = Screen(Role.RESPONDER)
    assert first == [draw(f"recovery-{part}:PAR1", screen) for part in parts]


@pytest.mark.parametrize("key", ["", "NONE", "PAR1' --"])
def test_a_topic_of_an_unknown_datacenter_shows_nothing(hosts: dict[str, Host], key: str) -> None:
    assert "hidden" in text(f"recovery-voice:{key}")


def test_what_is_lost_is_not_told_as_if_it_might_be(hosts: dict[str, Host]) -> None:
    assert "If <b>PAR1</b> is lost now" in text("forecast")
    lose_par1(hosts)
    told = text("forecast")
    assert "If <b>PAR1</b> is lost now" not in told
    assert "If <b>OSU2</b> is lost now" in told


def test_what_a_lost_datacenter_leaves_without_a_seat_is_no_next_act_of_its_own(
    hosts: dict[str, Host],
) -> None:
    lose_par1(hosts)
    told = text("next")
    assert "Activate or wait? PAR1" in told
    assert "Look at what has no seat" not in told


def test_where_nothing_is_to_be_brought_back_no_promise_is_said_to_break(
    hosts: dict[str, Host],
) -> None:
    actions.register_datacenter(
        name="LIL1",
        city="Lille",
        region="eu",
        latitude=50.6,
        longitude=3.0,
        actor=fleet.BY,
        reason="New.",
        now=clock.system.now(),
    )
    weigh = text("recovery-weigh:LIL1")
    assert "none is used up</b>: nothing is to be brought back" in weigh
    assert "those that break within nothing" not in weigh
