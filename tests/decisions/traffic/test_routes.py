"""Which containers users reach, and what the edge is told (I-CT-2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from recovery.inventory.facts import PlacementState as S
from recovery.inventory.facts import Verdict
from recovery.traffic.facts import Backend, Door, EdgePolicy, Route
from recovery.traffic.routes import choose_routes
from recovery.traffic.traefik import configuration

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def backend(
    address: str,
    state: S = S.RUNNING,
    verdict: Verdict = Verdict.ALIVE,
    *,
    ordinal: int = 1,
    generation: int = 1,
    provisional: bool = False,
    ran_at: datetime | None = NOW,
) -> Backend:
    return Backend("shop", ordinal, generation, address, 20000, state, verdict, provisional, ran_at)


def servers(*backends: Backend) -> tuple[set[str], bool]:
    (route,) = choose_routes(backends)
    return {url.removeprefix("http://").removesuffix(":20000") for url in route.servers}, route.kept


def test_running_seats_are_routed_and_others_are_not() -> None:
    given = (
        backend("127.0.0.1"),
        backend("127.0.0.2", S.STARTING, ordinal=2),
        backend("127.0.0.3", S.SICK, ordinal=3),
    )
    assert servers(*given) == ({"127.0.0.1"}, False)


@pytest.mark.parametrize(
    "verdict", [Verdict.SUSPECT, Verdict.ISOLATED, Verdict.AGENT_DOWN, Verdict.UNKNOWN]
)
def test_a_host_that_may_serve_stays_routable(verdict: Verdict) -> None:
    assert servers(backend("127.0.0.1", verdict=verdict))[0] == {"127.0.0.1"}


def test_a_suspects_seat_and_its_provisional_replacement_are_both_routable() -> None:
    old = backend("127.0.0.1", verdict=Verdict.SUSPECT)
    new = backend("127.0.0.2", generation=2, provisional=True)
    assert servers(old, new)[0] == {"127.0.0.1", "127.0.0.2"}


@pytest.mark.parametrize("verdict", [Verdict.LOST, Verdict.HUNG])
def test_a_seat_on_a_host_that_is_gone_gets_nothing_while_another_answers(
    verdict: Verdict,
) -> None:
    gone = backend("127.0.0.1", verdict=verdict)
    assert servers(gone, backend("127.0.0.2", ordinal=2)) == ({"127.0.0.2"}, False)


def test_a_returning_generation_gets_nothing_once_its_place_is_taken() -> None:
    returned = backend("127.0.0.1", S.LOST)
    assert servers(returned, backend("127.0.0.2", S.STARTING, generation=2)) == (
        {"127.0.0.2"},
        True,
    )


def test_the_only_container_of_a_lost_host_keeps_its_route_and_it_is_said() -> None:
    assert servers(backend("127.0.0.1", S.LOST, Verdict.LOST)) == ({"127.0.0.1"}, True)


def test_when_everything_failed_the_one_that_ran_last_is_kept() -> None:
    older = backend("127.0.0.1", S.FAILED, ran_at=NOW - timedelta(hours=1))
    never = backend("127.0.0.3", S.FAILED, generation=3, ran_at=None)
    assert servers(older, backend("127.0.0.2", S.FAILED, generation=2), never) == (
        {"127.0.0.2"},
        True,
    )


def test_a_host_without_an_address_has_no_route() -> None:
    assert choose_routes([backend("")]) == ()


def test_the_edge_retries_and_checks_and_never_gets_an_empty_list() -> None:
    routes = [
        Route("shop", ("http://127.0.0.1:1", "http://127.0.0.2:1"), "/healthz"),
        Route("solo", ("http://127.0.0.3:1",), "/healthz"),
    ]
    told = json.loads(json.dumps(configuration(routes, EdgePolicy(domain="apps.test"))))["http"]
    shop = told["services"]["shop"]["loadBalancer"]
    assert [s["url"] for s in shop["servers"]] == ["http://127.0.0.1:1", "http://127.0.0.2:1"]
    assert shop["healthCheck"]["interval"] == "1000ms"
    assert "healthCheck" not in told["services"]["solo"]["loadBalancer"]
    assert told["middlewares"]["ask-another"]["retry"]["status"] == ["502", "504"]
    assert "retryNonIdempotentMethod" not in told["middlewares"]["ask-another"]["retry"]
    assert told["routers"]["shop-path"]["rule"] == "Path(`/app/shop`) || PathPrefix(`/app/shop/`)"
    assert told["routers"]["shop-host"]["rule"] == "Host(`shop.apps.test`)"


def test_a_name_that_could_break_a_rule_gets_no_route() -> None:
    evil = Route("a`) || PathPrefix(`/", ("http://127.0.0.1:1",), "/")
    assert configuration([evil], EdgePolicy()) == {}


def test_a_database_has_one_door_to_one_server_and_the_last_one_can_be_closed() -> None:
    opened = Door("orders", "db-8100", "127.0.0.1:15432")
    closed = Door("notes", "db-8101", "")
    told = configuration([], EdgePolicy(), [opened, closed])
    assert told["tcp"] == {
        "routers": {
            "database-orders": {
                "entryPoints": ["db-8100"],
                "rule": "HostSNI(`*`)",
                "service": "database-orders",
            },
            "database-notes": {
                "entryPoints": ["db-8101"],
                "rule": "HostSNI(`*`)",
                "service": "database-notes",
            },
        },
        "services": {
            "database-orders": {
                "loadBalancer": {
                    "servers": [{"address": "127.0.0.1:15432"}],
                    "serversTransport": "impatient",
                }
            },
            "database-notes": {"loadBalancer": {"servers": [], "serversTransport": "impatient"}},
        },
        "serversTransports": {"impatient": {"dialTimeout": "1500ms"}},
    }
