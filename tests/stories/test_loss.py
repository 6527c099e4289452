"""A host is lost, hangs, is cut off, comes back: what is replaced, and what users notice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.stories.telling import (
    cast,
    copies_of,
    diary,
    home_of,
    is_rid_of,
    outage_seconds,
    seats_at,
    victims,
)
from tests.support.load import Shot, down_seconds, load
from tests.support.running import wait_for
from tests.support.stack import Stack, stopwatch


def test_a_killed_host_is_lost_and_its_containers_answer_elsewhere(
    stack: Stack, tmp_path: Path
) -> None:
    host = home_of(stack, "newsletter")
    seats = seats_at(stack, host)
    used = outage_seconds(stack)
    with load(stack.edge, tmp_path / "shots", cast(stack)) as users:
        wait_for(lambda: len(users.shots()) > 2000)
        assert _failed(users.gets(), cast(stack), since=0.0) == []
        killed = stopwatch()
        stack.lab("kill", host=host)
        wait_for(lambda: stack.verdict(host) == "lost")
        lost = stopwatch()
        wait_for(lambda: all(_answers_anew(users.gets(), seat) for seat in seats.items()), 30)
        wait_for(lambda: not stack.missing())
        whole = stopwatch()
        wait_for(lambda: not stack.open_incidents(), 30)
        users.stop()
        gets, posts = users.gets(), [s for s in users.shots() if s.verb == "POST"]
    answered = {name: _first(gets, (name, g)) - killed for name, g in seats.items()}
    diary(
        f"{host}: lost after {lost - killed:.2f} s, answering again after",
        {name: f"{seconds:.2f} s" for name, seconds in answered.items()},
        f"whole after {whole - killed:.2f} s; {len(gets)} GETs, "
        f"{sum(bool(p.error) for p in posts)} of {len(posts)} POSTs failed",
    )
    many = [name for name, copies in copies_of(stack).items() if copies > 1]
    assert _failed(gets, many, since=killed) == []
    seen = {n: outage_seconds(stack)[n] - used[n] for n in used}
    probed = {n: down_seconds(gets, n) for n in used}
    diary("outages", {n: f"rows {seen[n]:.2f} s, users {probed[n]:.2f} s" for n in used if seen[n]})
    assert probed["newsletter"] > 0
    assert all(abs(seen[name] - probed[name]) <= 0.5 for name in used), (seen, probed)


def _answers_anew(gets: list[Shot], seat: tuple[str, int]) -> bool:
    return any(s.container == seat[0] and s.generation > seat[1] for s in gets)


def _first(gets: list[Shot], seat: tuple[str, int]) -> float:
    name, generation = seat
    return min(s.done for s in gets if s.container == name and s.generation > generation)


def _failed(gets: list[Shot], names: list[str], *, since: float) -> list[Shot]:
    return [s for s in gets if s.error and s.application in names and s.sent >= since]


def test_a_host_that_hangs_is_told_from_a_dead_one_replaced_and_rung(stack: Stack) -> None:
    host = victims(stack)[0]
    seats = seats_at(stack, host)
    stack.lab("hang", host=host)
    wait_for(lambda: stack.verdict(host) == "hung", 30)
    wait_for(lambda: not stack.missing(), 30)
    assert any(key.endswith(":hung") for key, state in stack.alarms() if state != "ended")
    assert "kernel" in stack.reason(host)
    stack.lab("heal", host=host)
    wait_for(lambda: stack.verdict(host) == "alive", 40)
    wait_for(lambda: is_rid_of(stack, host, seats), 60)


def test_a_host_that_was_cut_off_returns_and_its_old_generation_is_gone(
    stack: Stack, tmp_path: Path, away: float
) -> None:
    host = victims(stack)[0]
    seats = seats_at(stack, host)
    names = [name.rpartition("-")[0] for name in seats]
    with load(stack.edge, tmp_path / "shots", names, rate=10) as users:
        cut = stopwatch()
        stack.lab("partition", host=host)
        wait_for(lambda: stack.verdict(host) == "lost")
        wait_for(lambda: not stack.missing(), 30)
        time.sleep(max(0.0, cut + away - stopwatch()))  # the absence is the story
        stack.lab("heal", host=host)
        healed = stopwatch()
        wait_for(lambda: is_rid_of(stack, host, seats), 60)
        gone = stopwatch()
        wait_for(stack.is_calm, 60)
        wait_for(lambda: stopwatch() > healed + 6)
        users.stop()
        gets = users.gets()
    diary(f"{host} was away for {healed - cut:.1f} s: old generation gone in {gone - healed:.1f} s")
    late = [s for s in gets if s.host == host and s.sent > healed + 5]
    assert [s for s in late if (s.container, s.generation) in seats.items()] == []
    assert _failed(gets, [n for n, c in copies_of(stack).items() if c > 1], since=cut) == []


@pytest.mark.told_in("netns")
def test_the_third_host_within_a_minute_is_held_and_one_press_releases_it(stack: Stack) -> None:
    hosts = victims(stack, of=3)
    for host in hosts[:2]:
        stack.lab("kill", host=host)
    wait_for(lambda: [stack.verdict(host) for host in hosts[:2]] == ["lost", "lost"])
    wait_for(lambda: not stack.missing(), 40)
    third, before = hosts[2], stack.placements()
    seats = seats_at(stack, third)
    stack.lab("kill", host=third)
    wait_for(lambda: (stack.verdict(third), stack.grant(third)) == ("lost", "held"))
    assert ("held", "raised") in stack.alarms()
    held = stack.api("GET", "/held").json()
    assert [(one["name"], one["verdict"]) for one in held["held"]] == [(third, "lost")]
    wait_for(lambda: set(seats) <= _waiting(stack))
    assert stack.placements() == before
    pressed = stopwatch()
    said = stack.api("POST", "/held/release", reason="Seen with my own eyes.")
    assert said.status_code == 200, said.text
    wait_for(lambda: not stack.missing(), 30)
    diary(f"{third}: released and whole in {stopwatch() - pressed:.2f} s")
    wait_for(lambda: ("held", "ended") in stack.alarms())


def _waiting(stack: Stack) -> set[str]:
    return {str(hold["container"]) for hold in stack.api("GET", "/held").json()["unseated"]}


@pytest.mark.told_in("relay")
def test_a_lost_singleton_waits_for_a_persons_word_and_then_runs_elsewhere(
    stack: Stack, tmp_path: Path
) -> None:
    host = home_of(stack, "archive")
    before = seats_at(stack, host)["archive-1"]
    stack.lab("kill", host=host)
    wait_for(lambda: stack.verdict(host) == "lost")
    wait_for(lambda: stack.missing() == ["archive"], 30)
    (hold,) = [h for h in stack.api("GET", "/held").json()["unseated"] if h["seat"]]
    assert (hold["container"], hold["cause"]) == ("archive-1", "fencing")
    assert "a person's word" in hold["reason"]
    said = stack.api("POST", f"/placements/{hold['seat']}/release", reason="I pulled its plug.")
    assert said.status_code == 200, said.text
    with load(stack.edge, tmp_path / "shots", ["archive"], rate=10) as users:
        wait_for(lambda: _answers_anew(users.gets(), ("archive-1", before)), 30)
    stack.lab("restart", host=host)
    wait_for(stack.is_calm, 60)
    assert home_of(stack, "archive") != host
