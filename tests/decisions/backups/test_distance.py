"""Replicas lie more than 10 km apart, by coordinates and never by name."""

from __future__ import annotations

from math import cos, radians

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.backups.distance import kilometres, violations
from recovery.backups.facts import Site
from tests.decisions.backups.build import MRS1, NOW, OSU2, PAR1, copy, database

SITES = st.builds(Site, st.just("X"), st.floats(-89, 89), st.floats(-180, 180))


def north_of(site: Site, km: float) -> Site:
    """So many kilometres along the meridian, on the ellipsoid at that latitude."""
    assert site.latitude is not None
    per_degree = 111.13295 - 0.55982 * cos(2 * radians(site.latitude))
    return Site("NEAR", site.latitude + km / per_degree, site.longitude)


def test_the_labs_sites_are_as_far_apart_as_the_map_says() -> None:
    assert kilometres(PAR1, OSU2) == pytest.approx(26.9, abs=0.3)
    assert kilometres(PAR1, MRS1) == pytest.approx(665, abs=5)


@settings(deadline=None)
@given(SITES, SITES)
def test_a_distance_is_the_same_from_both_ends(one: Site, other: Site) -> None:
    there, back = kilometres(one, other), kilometres(other, one)
    assert there is not None
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there < 20_040


@pytest.mark.parametrize(("km", "is_wrong"), [(9.0, True), (9.99, True), (11.0, False)])
def test_9_km_are_refused_and_11_km_are_accepted(km: float, is_wrong: bool) -> None:
    near = north_of(PAR1, km)
    found = violations(database("x", copy(1, NOW), copy(2, NOW, place=near), copy(3, NOW)))
    said = (
        f"replicas 1 (PAR1) and 2 (NEAR) are {km:.2f} km apart, and more than 10 km are promised."
    )
    assert found == ((said,) if is_wrong else ())


def test_the_third_replica_has_to_be_far_from_both_others() -> None:
    near = north_of(OSU2, 2.0)
    found = violations(database("x", copy(1, NOW), copy(2, NOW), copy(3, NOW, place=near)))
    assert found == (
        "replicas 2 (OSU2) and 3 (NEAR) are 2.00 km apart, and more than 10 km are promised.",
    )


@pytest.mark.parametrize("place", [None, Site("OSU2"), Site("OSU2", 49.06, None)])
def test_a_place_without_coordinates_is_a_violation_whatever_its_name(place: Site | None) -> None:
    found = violations(database("x", copy(1, NOW), copy(2, NOW, place=place)))
    assert len(found) == 1
    assert found[0].startswith("nobody knows how far replicas 1 (PAR1) and 2 (")


def test_one_place_under_two_names_is_one_place() -> None:
    twin = Site("PAR2", PAR1.latitude, PAR1.longitude)
    found = violations(database("x", copy(1, NOW), copy(2, NOW, place=twin)))
    assert "0.00 km apart" in found[0]


def test_the_first_replica_belongs_into_the_datacenter_of_its_database() -> None:
    found = violations(database("x", copy(1, NOW, place=MRS1), copy(2, NOW)))
    assert found == ("replica 1 is in MRS1, and x belongs to PAR1.",)
