"""The pages of databases: what serves, what fails over, what waits, and what would be lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.controller.databases import Databases
from recovery.core import clock, transitions
from recovery.detection.facts import Part
from recovery.detection.freezes import lift_freeze
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import Phase
from recovery.inventory.actions import remember_host
from recovery.inventory.models import Host
from recovery.operations.actions import request_acts
from recovery.operations.facts import Act, Verb
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn
from tests.dashboard.fleet import CONTROLLER
from tests.support.freezes import freeze


@pytest.fixture
def seeded(hosts: dict[str, Host]) -> dict[str, Base]:
    return bases.seed_bases(hosts, clock.system.now())


def page(sign_in: SignIn, path: str, role: str = "responder") -> str:
    return fleet.plain(sign_in(role).get(path).content.decode())


def test_without_databases_the_page_says_where_they_come_from(sign_in: SignIn) -> None:
    assert "No databases yet" in page(sign_in, "/databases/")


def test_the_list_says_plan_copies_gap_and_worst_case(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    html = page(sign_in, "/databases/")
    for name in seeded:
        assert f'href="/databases/{name}/"' in html
    assert "112&nbsp;ms" in html
    assert "11.8 s" in html
    assert "is being made" in html


def test_one_database_shows_its_copies_with_position_and_gate(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    html = page(sign_in, "/databases/orders-pg/")
    assert "orders-pg:</span> serves." in html
    assert "50331704" in html
    assert "watchdog" in html
    assert "follows, synchronous" in html
    assert "Switch orders-pg over…" in html
    assert "None yet: its first primary still leads." in html


def test_a_failover_under_way_shows_phases_clock_and_what_it_waits_for(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    fleet.lose_host(hosts["par1-r1-h01"], now)
    bases.fail_over(seeded["orders-pg"], now)
    html = page(sign_in, "/databases/orders-pg/")
    assert "orders-pg:</span> failing over, promote." in html
    assert "data-digits" in html
    assert "Failover under way" in html
    assert "par1-r2-h01 to say that it is primary." in html
    assert "fence" in html
    assert "its host is lost." in html
    overview = page(sign_in, "/")
    assert "1 database failing over" in overview
    assert "orders-pg fails over" in overview


def test_a_failover_that_is_over_is_timed_by_its_users(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.fail_over(seeded["orders-pg"], clock.system.now(), upto=Phase.DONE)
    html = page(sign_in, "/databases/orders-pg/")
    assert "7.5&nbsp;s without an acknowledged write" in html
    assert "nothing lost" in html
    assert "nothing that was acknowledged is lost." in html


def test_a_starter_database_waits_and_says_for_what(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    fleet.lose_host(hosts["mrs1-r1-h01"], now)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", now)
    html = page(sign_in, "/databases/")
    assert "waits for its host" in html
    assert "The return of mrs1-r1-h01" in html
    assert "1 database waits for a host or a person" in page(sign_in, "/")


def test_a_business_database_without_a_standby_is_at_risk_before_anything_fails(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.see(seeded["crm-pg"], clock.system.now(), is_streaming=False)
    html = page(sign_in, "/databases/crm-pg/")
    assert "crm-pg:</span> no standby could take over." in html
    assert "Nobody could take over now: par1-r1-h03: does not follow yet." in html
    assert "unknown: no standby follows" in html
    assert "1 database at risk" in page(sign_in, "/")


def test_a_standby_that_was_not_well_for_a_minute_is_not_counted_on(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.see(seeded["crm-pg"], clock.system.now(), healthy_ms=15_000)
    html = page(sign_in, "/databases/crm-pg/")
    assert "par1-r1-h03: follows, not yet for 60 s." in html
    assert "unknown: its standby is not safe yet" in html
    assert "Switch crm-pg over…" not in html


def test_how_long_a_standby_has_to_be_well_is_a_setting(
    sign_in: SignIn, seeded: dict[str, Base], settings: Settings
) -> None:
    settings.TOCSIN_STANDBY_WELL = 10
    bases.see(seeded["crm-pg"], clock.system.now(), healthy_ms=9_000)
    assert "par1-r1-h03: follows, not yet for 10 s." in page(sign_in, "/databases/crm-pg/")
    bases.see(seeded["crm-pg"], clock.system.now(), healthy_ms=15_000)
    assert "Switch crm-pg over…" in page(sign_in, "/databases/crm-pg/")
    assert Databases().watch.policy.healthy_for == 10.0


@pytest.mark.parametrize(
    "ended",
    [{"sequence": 0}, {"revoked": True}, {"epoch": 0}],
    ids=["granted and not taken up", "revoked or withdrawn", "of the epoch before"],
)
def test_a_lease_that_its_primary_does_not_live_by_is_no_promise(
    sign_in: SignIn, seeded: dict[str, Base], ended: dict[str, object]
) -> None:
    said = "It lives by no lease: a failover needs a power-off or two people."
    assert said not in page(sign_in, "/databases/crm-pg/")
    lease = Lease.objects.get(database=seeded["crm-pg"].row)
    now = clock.system.now()
    transitions.amend(lease, ended, action="seeded", actor=CONTROLLER, reason="Seed.", now=now)
    assert said in page(sign_in, "/databases/crm-pg/")


def test_a_setting_that_breaks_the_promise_is_named_with_its_price(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.see(seeded["crm-pg"], clock.system.now(), lag_ms=9_000)
    html = page(sign_in, "/databases/crm-pg/")
    assert "The promise of 15&nbsp;s cannot hold." in html
    assert "replay lag 9.0 s" in html


def test_old_words_of_the_writing_user_are_not_shown_as_news(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.write(seeded["orders-pg"], clock.system.now() - timedelta(minutes=1))
    assert "not known" in page(sign_in, "/databases/orders-pg/")


def test_a_host_lists_its_copies_and_what_its_loss_would_do(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    html = page(sign_in, "/hosts/par1-r1-h01/")
    assert "It fails over within 11.8 s; lost: nothing." in html
    assert "It serves on without this standby." in page(sign_in, "/hosts/par1-r2-h01/")
    row = freeze([Part.FAILOVER], clock.system.now())
    html = page(sign_in, "/hosts/par1-r1-h01/")
    assert "Nobody takes over by itself: DRP-0007 froze failovers." in html
    assert "It fails over within" not in html
    lift_freeze(freeze=row.pk, actor=fleet.BY, reason="Over.", now=clock.system.now())
    bases.see(seeded["orders-pg"], clock.system.now(), healthy_ms=16_000)
    html = fleet.plain(page(sign_in, "/hosts/par1-r1-h01/"))
    assert "It fails over within" not in html, "nobody could take over yet"
    assert "Nobody could take over now: par1-r2-h01: " in html


def test_a_host_that_is_heard_and_takes_no_orders_says_so(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    now, quiet = clock.system.now(), Host.objects.get(name="par1-r1-h01")
    for host in Host.objects.exclude(pk=quiet.pk):
        remember_host(host=host.pk, now=now)
    remember_host(host=quiet.pk, now=now - timedelta(minutes=2))
    said = "It is heard, and takes no orders: its agent's session has told nothing since"
    assert said in page(sign_in, "/hosts/par1-r1-h01/").replace("&#x27;", "'")
    assert said not in page(sign_in, "/hosts/par1-r2-h01/").replace("&#x27;", "'")


def test_the_forecast_names_databases_without_a_copy_elsewhere(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    assert "wiki-pg, fresh-pg" in page(sign_in, "/") or "fresh-pg, wiki-pg" in page(sign_in, "/")


def test_a_second_failover_is_allowed_by_name_and_reason(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    now = clock.system.now()
    until = {"blocked_until": now + timedelta(hours=1)}
    row = seeded["orders-pg"].row
    transitions.amend(row, until, action="x", actor=fleet.CONTROLLER, reason="Test.", now=now)
    assert "Allow a second failover" in page(sign_in, "/databases/orders-pg/")
    path = "/databases/orders-pg/unblock/"
    assert sign_in("responder").post(path, {"reason": ""}).status_code == 422
    sign_in("responder").post(path, {"reason": "The switch was replaced."})
    row.refresh_from_db()
    assert (row.blocked_until, row.unblocked_by) == (None, "responder")


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("responder", 200)])
def test_the_api_allows_a_second_failover_to_whoever_may(
    sign_in: SignIn, seeded: dict[str, Base], role: str, status: int
) -> None:
    now = clock.system.now()
    row, until = seeded["orders-pg"].row, {"blocked_until": now + timedelta(hours=1)}
    transitions.amend(row, until, action="x", actor=fleet.CONTROLLER, reason="Test.", now=now)
    answer = sign_in(role).post(
        "/api/databases/orders-pg/unblock", {"reason": "Seen."}, content_type="application/json"
    )
    assert answer.status_code == status
    row.refresh_from_db()
    assert (row.blocked_until is None) is (status == 200)


@pytest.mark.parametrize(
    "act",
    [
        "switchover",
        "unblock",
        "vouch",
        "call-off",
        "move",
        "restore",
        "restore/call-off",
    ],
)
def test_who_may_only_look_can_do_nothing(
    sign_in: SignIn, seeded: dict[str, Base], act: str
) -> None:
    assert sign_in("viewer").post(f"/databases/orders-pg/{act}/").status_code == 403


def test_a_viewer_is_offered_no_act(sign_in: SignIn, seeded: dict[str, Base]) -> None:
    assert "Switch orders-pg over" not in page(sign_in, "/databases/orders-pg/", "viewer")


def test_a_database_that_is_not_there_is_said(sign_in: SignIn) -> None:
    answer = sign_in("viewer").get("/databases/none/")
    assert answer.status_code == 404
    assert b"There is no database none." in answer.content


def test_pages_cost_the_same_number_of_queries_however_many_databases(
    hosts: dict[str, Host], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    now = clock.system.now()
    members = [hosts["par1-r1-h01"], hosts["par1-r2-h01"]]
    for number in range(30):
        bases.serve(bases.seed_database(f"db-{number}", members, now, port=15500 + number), now)
    with django_assert_max_num_queries(10):
        draw("databases", Screen(Role.VIEWER))


def test_a_failover_is_called_off_from_its_page_while_nobody_was_ordered_to_lead(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.fail_over(seeded["crm-pg"], clock.system.now(), upto=Phase.ANALYSE)
    html = page(sign_in, "/databases/crm-pg/")
    assert "Call FO-0001 off…" in html
    client, path = sign_in("responder"), "/databases/crm-pg/call-off/"
    assert "does not begin again by itself for an hour" in client.get(path).content.decode()
    assert client.post(path, {"reason": ""}).status_code == 422
    client.post(path, {"reason": "It was the wrong rack."})
    assert Failover.objects.get().called_off == "responder"
    assert "responder called it off." in page(sign_in, "/databases/crm-pg/")
    html = page(sign_in, "/databases/crm-pg/unblock/")
    assert "responder called the last failover of crm-pg off." in html


def test_too_late_is_said_beside_the_button_and_by_page_and_api(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.fail_over(seeded["orders-pg"], clock.system.now())
    assert "It is in promote: too late." in page(sign_in, "/databases/orders-pg/")
    why = {"reason": "It was the wrong rack."}
    answer = sign_in("responder").post(
        "/databases/orders-pg/call-off/", why, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 409
    assert b"another replica was ordered to lead" in answer.content
    told = sign_in("responder").post(
        "/api/databases/orders-pg/call-off", why, content_type="application/json"
    )
    assert told.status_code == 409
    assert "another replica was ordered to lead" in told.json()["detail"]


def test_the_api_lists_databases_and_calls_a_failover_off(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.fail_over(seeded["crm-pg"], clock.system.now(), upto=Phase.ANALYSE)
    client = sign_in("responder")
    listed = {row["name"]: row for row in client.get("/api/databases").json()}
    assert listed["crm-pg"]["running"]["may_be_called_off"]
    assert listed["wiki-pg"]["service"]["allowed"] > 0
    path, why = "/api/databases/crm-pg/call-off", {"reason": "It was the wrong rack."}
    viewer = sign_in("viewer").post(path, why, content_type="application/json")
    assert viewer.status_code == 403
    assert not Failover.objects.exclude(called_off="").exists()
    said = sign_in("responder").post(path, why, content_type="application/json").json()["said"]
    assert said.startswith("FO-0001 is called off")
    body = {"target": "par1-r1-h03", "reason": "In the middle."}
    twice = client.post("/api/databases/crm-pg/switchover", body, content_type="application/json")
    assert "is under way in phase analyse" in twice.json()["detail"]


def test_the_queue_says_when_it_serves_again_and_what_this_month_has_used(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    fleet.lose_host(hosts["mrs1-r1-h01"], now)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", now)
    bases.write(seeded["wiki-pg"], now, failing_since=now - timedelta(seconds=90))
    html = page(sign_in, "/databases/")
    assert "Unknown until its host or its disk is back; then" in html
    assert ">1\u00a0min" in html
    assert "of 3\u00a0h 36\u00a0min" in html
    assert "an empty one is never made in its place" in html
    past = now - timedelta(minutes=5)
    bases.write(seeded["wiki-pg"], past, failing_since=past - timedelta(seconds=90))
    html = page(sign_in, "/databases/")
    assert "1\u00a0min 30\u00a0s</span>" in html, "it is known until the user's last try"


def test_the_log_calls_an_act_on_a_database_by_its_copy(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    copy = seeded["orders-pg"].replicas[0]
    act = Act(
        verb=Verb.PROMOTE,
        replica=copy.pk,
        host=copy.host_id,
        database_epoch=1,
        urgency=0,
        params={},
    )
    request_acts(acts=[act], actor=CONTROLLER, reason="Test.", now=clock.system.now())
    html = sign_in("viewer").get("/log/?object_type=operation").content.decode()
    assert f"operation <b>{copy}</b>: " in html
