"""Pages as people get them: signed in, readable without a script, under a strict CSP."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from dashboard.panels import PANELS, draw
from dashboard.permissions import May, Role
from dashboard.screen import Screen
from dashboard.templatetags.tocsin import names
from dashboard.views.act import HOST_ACTS
from recovery.audit.models import AuditEntry
from recovery.core import clock
from recovery.detection import actions as detection
from recovery.incidents.models import Incident
from recovery.inventory.models import Host, Placement
from tests.dashboard import bases, fleet
from tests.dashboard.archives import seed_backups
from tests.dashboard.conftest import SignIn

PAGES = (
    "/",
    "/incidents/",
    "/applications/",
    "/databases/",
    "/backups/",
    "/hosts/",
    "/held/",
    "/log/",
    "/find/",
    "/help/",
)


@pytest.mark.parametrize("page", PAGES)
def test_nobody_gets_in_without_signing_in(db: None, page: str) -> None:
    answer = Client().get(page)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_for_a_viewer(sign_in: SignIn, page: str) -> None:
    assert sign_in("viewer").get(page).status_code == 200


def test_a_person_without_a_role_sees_nothing(sign_in: SignIn) -> None:
    client = sign_in("viewer")
    User.objects.get(username="viewer").groups.clear()
    answer = client.get("/")
    assert answer.status_code == 403
    assert b"no role yet" in answer.content


def test_the_overview_says_what_is_lost_who_is_hurt_and_what_next(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    html = sign_in("responder").get("/").content.decode()
    assert "1 host lost in PAR1" in html
    assert "newsletter is down, 2 applications are at risk, 2 are not touched." in html
    assert f"Acknowledge {incident}" in html


def test_a_viewer_is_not_offered_what_he_may_not_do(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    client = sign_in("viewer")
    assert f"Acknowledge {incident}" not in client.get("/").content.decode()
    assert client.post(f"/incidents/{incident.number}/acknowledge/").status_code == 403
    assert Incident.objects.get().acknowledged_at is None


def test_a_cordon_needs_its_reason(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    client = sign_in("responder")
    answer = client.post("/hosts/par1-r1-h01/cordon/", {"reason": ""})
    assert answer.status_code == 422
    assert b"Say why" in answer.content
    client.post("/hosts/par1-r1-h01/cordon/", {"reason": "New power supply."})
    assert Host.objects.get(name="par1-r1-h01").cordon_reason == "New power supply."


def test_each_act_on_a_host_asks_for_its_own_right(
    sign_in: SignIn, hosts: dict[str, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, do, _, meaning = HOST_ACTS["drain"]
    monkeypatch.setitem(HOST_ACTS, "drain", (said, do, May.MANAGE_PEOPLE, meaning))
    client, why = sign_in("responder"), {"reason": "New power supply."}
    assert client.get("/hosts/par1-r1-h01/cordon/").status_code == 200
    assert client.get("/hosts/par1-r1-h01/drain/").status_code == 403
    assert client.post("/hosts/par1-r1-h01/drain/", why).status_code == 403
    assert Host.objects.get(name="par1-r1-h01").draining_at is None
    assert sign_in("admin").post("/hosts/par1-r1-h01/drain/", why).status_code == 302


def test_one_press_releases_everything_held(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    for name in ("par1-r1-h01", "par1-r1-h02"):
        fleet.lose_host(hosts[name], now)
        fleet.hold_host(hosts[name], "3 hosts in 60 s: a storm asks a person.", now)
    client = sign_in("responder")
    assert "2 hosts held for a person" in client.get("/").content.decode()
    assert "a storm asks a person" in client.get("/held/").content.decode()
    shown = [str(hosts[name].pk) for name in ("par1-r1-h01", "par1-r1-h02")]
    html = client.get("/held/").content.decode()
    assert all(f'form="act" name="hosts" value="{one}"' in html for one in shown)
    client.post("/held/release/", {"hosts": shown})
    assert set(Host.objects.filter(verdict="lost").values_list("replace", flat=True)) == {"allowed"}


def test_a_press_releases_only_the_hosts_that_were_on_the_page(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    for name in ("par1-r1-h01", "par1-r1-h02"):
        fleet.lose_host(hosts[name], now)
        fleet.hold_host(hosts[name], "3 hosts in 60 s: a storm asks a person.", now)
    client, script = sign_in("responder"), {"HX-Request": "true"}
    nothing = client.post("/held/release/", headers=script)
    assert nothing.status_code == 409
    shown = {"hosts": [str(hosts["par1-r1-h01"].pk)]}
    said = client.post("/held/release/", shown, headers=script).content.decode()
    assert "1 host released" in said
    assert "still held: par1-r1-h02" in said
    assert Host.objects.get(name="par1-r1-h02").replace == "held"


def test_the_api_releases_the_named_hosts_and_without_names_all(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    names = ("par1-r1-h01", "par1-r1-h02", "par1-r1-h03")
    for name in names:
        fleet.lose_host(hosts[name], now)
        fleet.hold_host(hosts[name], "A storm asks a person.", now)
    client, path, why = sign_in("responder"), "/api/held/release", {"reason": "Seen."}
    some = client.post(path, why | {"hosts": [names[0]]}, content_type="application/json").json()
    assert f"still held: {names[1]}, {names[2]}" in some["said"]
    rest = client.post(path, why, content_type="application/json").json()
    assert "2 hosts released" in rest["said"]
    assert not Host.objects.filter(replace="held").exists()


def test_an_entry_of_the_log_has_its_own_page(sign_in: SignIn) -> None:
    newest = AuditEntry.objects.order_by("-id")[0]
    html = sign_in("viewer").get(f"/log/{newest.id}/").content.decode()
    assert newest.object_id in html


def test_the_log_is_filtered_by_its_address(sign_in: SignIn) -> None:
    html = sign_in("viewer").get("/log/?object_type=datacenter").content.decode()
    assert "datacenter <b>PAR1</b>: " in html
    assert "placement <b>" not in html


@pytest.mark.parametrize("path", ["/hosts/nowhere/", "/applications/none/", "/incidents/99/"])
def test_what_is_not_there_is_said(sign_in: SignIn, path: str) -> None:
    answer = sign_in("viewer").get(path)
    assert answer.status_code == 404
    assert b"There is no" in answer.content


def test_an_address_that_is_no_page_says_just_that(sign_in: SignIn) -> None:
    answer = sign_in("viewer").get("/recovery/runs/4/no/such/page/")
    assert answer.status_code == 404
    assert "There is no such page." in answer.content.decode()
    assert "URLPattern" not in answer.content.decode(), "what Django tried is nothing to read"


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)> hx-get=x'


def test_names_and_reasons_are_text_everywhere(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    fleet.seed_application(HOSTILE, [hosts["mrs1-r2-h03"]], now, port=21000)
    fleet.lose_host(hosts["mrs1-r2-h03"], now)
    for page in ("/", "/applications/", "/incidents/", "/hosts/mrs1-r2-h03/", "/log/"):
        html = sign_in("admin").get(page).content.decode()
        assert "<script>alert" not in html, page
        assert "<img src=x" not in html, page


def test_pages_allow_only_themselves(sign_in: SignIn) -> None:
    answer = sign_in("viewer").get("/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    html = answer.content.decode()
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"\son[a-z]+=", html)


def test_a_post_without_its_token_is_refused(hosts: dict[str, Host]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="responder"))
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    path = f"/incidents/{incident.number}/acknowledge/"
    for headers in ({}, {"HX-Request": "1"}):
        answer = client.post(path, headers=headers)
        assert answer.status_code == 403
        assert "Nothing was done" in answer.content.decode()
        assert "Load the page again" in answer.content.decode()
    assert Incident.objects.get().acknowledged_at is None


def test_an_idle_session_looks_on_but_does_not_act(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    client = sign_in("responder")
    client.get("/")
    session = client.session
    session["touched_at"] -= 31 * 60
    session.save()
    assert client.get("/").status_code == 200
    answer = client.post("/hosts/par1-r1-h01/uncordon/")
    assert answer["Location"].startswith("/account/reauthenticate")
    assert not AuditEntry.objects.filter(body__action="uncordoned").exists()


def test_a_session_ends_after_twelve_hours(sign_in: SignIn) -> None:
    client = sign_in("responder")
    client.get("/")
    session = client.session
    session["started_at"] -= 12 * 3600 + 1
    session.save()
    assert client.get("/").status_code == 302
    assert client.get("/")["Location"].startswith("/account/login/")


def test_nobody_signs_up_by_himself(db: None) -> None:
    assert b"password1" not in Client().get("/account/signup/").content


def test_a_fleet_of_five_hundred_costs_a_fixed_number_of_queries(
    db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    now = clock.system.now()
    hosts = fleet.seed_fleet(now, racks=17, hosts=10)
    assert len(hosts) >= 500
    for n in range(40):
        fleet.seed_application(f"app-{n}", hosts[n * 4 : n * 4 + 4], now, port=20000 + n)
    fleet.lose_host(hosts[0], now)
    screen = Screen(Role.RESPONDER)
    topics = ("bell", "menu", "voice", "next", "hurt", "fleet", "lines", "held")
    with django_assert_max_num_queries(27):
        for topic in topics:
            draw(topic, screen)
    with django_assert_max_num_queries(3):
        other = screen.seen_by(Role.ADMIN)
        for topic in topics:
            draw(topic, other)
    with django_assert_max_num_queries(13):
        draw("hosts:", Screen(Role.RESPONDER))


def drawn_twice(topic: str, page: Screen) -> str:
    """The same both times: alone, as it is pushed, and of one look with others, as a page draws it.
    An age may pass a threshold between two looks: not again at once."""
    for _ in range(3):
        first, second = draw(topic, Screen(page.role)), draw(topic, page)
        if first == second:
            return first
        page = Screen(page.role)
    raise AssertionError(f"{topic} is another one each time for a {page.role}")


def test_every_panel_is_a_function_of_rows_and_role(hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    incident = fleet.lose_host(hosts["par1-r1-h02"], now)
    lost = Placement.objects.filter(state="lost").select_related("container")[0]
    fleet.replace_seat(lost, hosts["mrs1-r2-h02"], now)
    seeded = bases.seed_bases(hosts, now)
    bases.fail_over(seeded["orders-pg"], now)
    bases.write(seeded["orders-pg"], now + timedelta(hours=1), failing_since=now)
    keys = {
        "incident": str(incident.number),
        "application": "newsletter",
        "host": "par1-r1-h02",
        "database": "orders-pg",
        "recovery": "PAR1",
        "backups": "",
        "drill": "",
        "ask": "",
        "run": "",
    }
    seed_backups(seeded, now)
    page = Screen(Role.VIEWER)
    for name in PANELS:
        kind, dash, _ = name.partition("-")
        topic = f"{name}:{keys[kind]}" if dash and keys[kind] else name
        for role in Role:
            page = page.seen_by(role)  # as the hub draws: one look for all of them
            first = drawn_twice(topic, page)
            assert first.count(f'id="p-{name}"') == 1
            assert "<form" not in first
            assert "csrf" not in first
            assert " hx-" not in first


def test_an_application_that_was_never_probed_is_not_shown_as_without_outage(
    sign_in: SignIn,
) -> None:
    html = sign_in("viewer").get("/applications/newsletter/").content.decode()
    assert "not measured" in html
    assert "0 s <span" not in html


def test_the_log_names_what_changed_and_which_agent_said_so(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    html = sign_in("viewer").get("/log/").content.decode()
    assert "host <b>par1-r1-h02</b>: " in html
    assert "<b>newsletter-1 g1 on par1-r1-h02</b>" in html or "on par1-r1-h02</b>: lost" in html
    assert "incident <b>INC-" in html


def test_while_nobody_looks_no_host_is_drawn_as_seen(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    """No data is never drawn as fine: what was recorded before is told as that."""
    _go_blind()
    client = sign_in("viewer")
    overview = fleet.plain(client.get("/").content.decode())
    assert overview.count('class="host" ') == overview.count('data-state="unknown" title=')
    assert "as last recorded: Tocsin is blind" in overview
    html = fleet.plain(client.get("/hosts/par1-r1-h02/").content.decode())
    assert "par1-r1-h02:</span> not seen now." in html
    assert "Tocsin is blind: no digest came. Last recorded: alive." in html
    assert {one["state"] for one in client.get("/api/hosts").json()} == {"unknown"}


def test_a_host_that_was_lost_before_stays_lost_while_nobody_looks(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    _go_blind()
    html = sign_in("viewer").get("/hosts/par1-r1-h02/").content.decode()
    assert "par1-r1-h02:</span> lost now." in html


def _go_blind() -> None:
    now = clock.system.now()
    detection.go_blind(reasons=["no digest came."], actor=fleet.CONTROLLER, now=now)


@pytest.mark.parametrize("verb", HOST_ACTS)
def test_nothing_is_asked_of_a_host_that_is_not_there(sign_in: SignIn, verb: str) -> None:
    assert sign_in("responder").get(f"/hosts/nowhere/{verb}/").status_code == 404


def test_every_dialog_has_a_heading_of_the_first_order(sign_in: SignIn) -> None:
    for path in ("/held/pause/", "/hosts/par1-r1-h02/cordon/"):
        assert sign_in("responder").get(path).content.decode().count("<h1 ") == 1


def test_a_name_in_a_sentence_stays_in_one_piece_and_the_rest_is_text() -> None:
    said = str(names("sessions-valkey <b> waits"))
    assert said == '<span class="name">sessions-valkey</span> &lt;b&gt; waits'


def test_while_automation_is_paused_nobody_is_told_that_there_is_nothing_to_decide(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    incident = fleet.lose_host(hosts["par1-r1-h02"], now)
    client = sign_in("responder")
    client.post(f"/incidents/{incident.number}/acknowledge/")
    detection.set_pause(actor=fleet.CONTROLLER, reason="A rack is moved.", now=now)
    for path in ("/", f"/incidents/{incident.number}/"):
        html = client.get(path).content.decode()
        assert "Nothing moves: " in html
        assert "Nothing to decide" not in html
