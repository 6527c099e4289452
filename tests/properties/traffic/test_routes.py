"""No state of the rows leaves users without a backend, or sends them to a superseded one."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.inventory.facts import PlacementState, Verdict
from recovery.traffic.facts import Backend
from recovery.traffic.routes import choose_routes

backends = st.lists(
    st.builds(
        Backend,
        application=st.sampled_from(["shop", "blog"]),
        ordinal=st.integers(1, 2),
        generation=st.integers(1, 3),
        address=st.sampled_from(["127.0.0.1", "127.0.0.2", "::1"]),
        port=st.integers(1, 4),
        state=st.sampled_from(PlacementState),
        verdict=st.sampled_from(Verdict),
        provisional=st.booleans(),
        ran_at=st.sampled_from([None, datetime(2026, 11, 23, tzinfo=UTC)]),
    ),
    max_size=6,
)


@settings(max_examples=500, deadline=None)
@given(backends)
def test_an_application_with_a_backend_never_gets_an_empty_list(given: list[Backend]) -> None:
    routes = {route.application: route for route in choose_routes(given)}
    assert set(routes) == {backend.application for backend in given}
    for route in routes.values():
        assert route.servers
        assert set(route.servers) <= {b.url for b in given if b.application == route.application}


@settings(max_examples=300, deadline=None)
@given(backends)
def test_a_route_that_is_not_kept_holds_only_running_seats_on_hosts_that_are_there(
    given: list[Backend],
) -> None:
    for route in choose_routes(given):
        running = {
            b.url
            for b in given
            if b.application == route.application
            and b.state is PlacementState.RUNNING
            and b.verdict not in (Verdict.LOST, Verdict.HUNG)
        }
        if not route.kept:
            assert set(route.servers) <= running


@settings(max_examples=300, deadline=None)
@given(backends, st.randoms())
def test_the_order_of_the_rows_does_not_matter(given: list[Backend], random: Random) -> None:
    mixed = random.sample(given, len(given))
    assert {r.application: r.servers for r in choose_routes(mixed)} == {
        r.application: r.servers for r in choose_routes(given)
    }
