"""When a restore will be done: thousands of restores as they go, and what is said of each."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from statistics import median

import pytest

from recovery.agent.backups.progress import Measured, Progress
from recovery.agent.backups.progress.eta import Flow, Paces, Point, pace_of, seconds_left

MIB = 1 << 20
PIECE = 8 * MIB
AHEAD = 64 * MIB


@dataclass(frozen=True)
class Host:
    """Bytes a second of each part; `jitter`: how unlike one piece is another."""

    store: float
    disk: float
    replay: float
    proof: float
    jitter: float


@dataclass(frozen=True)
class Series:
    """One restore as it went: what had come, was safe and was replayed when, and its end."""

    came: tuple[Point, ...]
    safe: tuple[Point, ...]
    replayed: tuple[Point, ...]
    total: int
    log: int
    end: float

    def said(self, now: float, paces: Paces) -> float | None:
        """As its agent would at that moment."""
        proof_since = self.replayed[-1][0]
        return seconds_left(
            Flow(self.total, _upto(self.came, now)),
            Flow(self.total, _upto(self.safe, now)),
            Flow(self.log, _upto(self.replayed, now)),
            paces,
            now=now,
            proof_since=proof_since if proof_since <= now else None,
            log=self.log,
        )

    def misses(self, paces: Paces, steps: int = 12) -> list[float]:
        """Of each word about its end, as a share of all that it took."""
        found = []
        for step in range(1, steps):
            now = self.end * step / steps
            left = self.said(now, paces)
            if left is not None:
                found.append(abs(now + left - self.end) / self.end)
        return found


def _upto(points: tuple[Point, ...], now: float) -> tuple[Point, ...]:
    return points[: bisect_right(points, now, key=itemgetter(0))]


def host_of(dice: random.Random) -> Host:
    return Host(
        store=dice.uniform(20e6, 600e6),
        disk=dice.uniform(50e6, 900e6),
        replay=dice.uniform(80e6, 400e6),
        proof=dice.uniform(0.2, 1.5),
        jitter=dice.uniform(0.0, 0.4),
    )


def series_of(dice: random.Random, host: Host, slower: float = 1.0) -> Series:
    """`slower`: so many times from its half on."""
    total = int(dice.uniform(256, 1536)) * MIB
    log = int(total * dice.uniform(0.0, 0.3))
    now = written = begun = 0.0
    came: list[Point] = [(0.0, 0)]
    safe: list[Point] = [(0.0, 0)]
    turn: tuple[float, int] | None = None
    now = dice.uniform(0.0, 0.2)

    def settle(upto: float) -> None:
        nonlocal turn, begun
        while turn is not None and turn[0] <= upto:
            ended, size = turn
            safe.append((ended, size))
            turn = next_turn(ended) if written - size >= PIECE else None

    def next_turn(at: float) -> tuple[float, int]:
        size = int(written) - safe[-1][1]
        return at + size / (host.disk * _jitter(dice, host)), int(written)

    while written < total:
        slow = slower if written > total / 2 else 1.0
        now += PIECE * slow / (host.store * _jitter(dice, host))
        written = min(total, written + PIECE)
        settle(now)
        if turn is None:
            turn = next_turn(now)
        while written - safe[-1][1] >= AHEAD and turn is not None:
            now = max(now, turn[0])
            settle(now)
        came.append((now, int(written)))
    while safe[-1][1] < total:
        turn = turn or next_turn(now)
        now = max(now, turn[0])
        settle(now)
    replayed: list[Point] = [(now, 0)]
    while replayed[-1][1] < log:
        size = min(log, replayed[-1][1] + int(host.replay / 2))
        now += (size - replayed[-1][1]) / (host.replay * _jitter(dice, host))
        replayed.append((now, size))
    end = replayed[-1][0] + host.proof
    return Series(tuple(came), tuple(safe), tuple(replayed), total, log, end)


def _jitter(dice: random.Random, host: Host) -> float:
    return math.exp(dice.gauss(0.0, host.jitter))


def measured(host: Host) -> Paces:
    """By one that has restored before."""
    return Paces(host.replay, host.proof, is_measured=True)


def many(seed: int, count: int, slower: float = 1.0) -> list[tuple[Host, Series]]:
    dice = random.Random(seed)
    hosts = [host_of(dice) for _ in range(count)]
    return [(host, series_of(dice, host, slower)) for host in hosts]


def test_the_end_of_two_thousand_restores_is_told_within_15_percent() -> None:
    """By a host that has restored before, from the first tenth on."""
    misses = [miss for host, series in many(1, 2000) for miss in series.misses(measured(host))]
    assert median(misses) < 0.03
    assert sum(miss <= 0.15 for miss in misses) / len(misses) > 0.97


def test_a_host_that_never_restored_speaks_only_where_what_most_need_is_little_of_it() -> None:
    misses = [miss for _, series in many(2, 500) for miss in series.misses(Paces())]
    assert len(misses) > 500
    assert median(misses) < 0.08
    assert sum(miss <= 0.15 for miss in misses) / len(misses) > 0.92


def test_no_word_is_far_off() -> None:
    """Before it was held back until it was founded, the first one was seven times the whole."""
    for host, series in many(4, 200):
        assert max(series.misses(measured(host), 60), default=0.0) < 0.8


def test_what_becomes_slower_half_way_is_told_again_soon() -> None:
    for host, series in many(3, 300, slower=3.0):
        if host.store > host.disk / 4 or host.jitter > 0.2 or series.log > series.total / 10:
            continue
        at = next(when for when, done in series.came if done > series.total * 0.75)
        left = series.said(at, measured(host))
        assert left is not None
        assert abs(at + left - series.end) / series.end < 0.2


KNOWN = Paces(proof=0.0, is_measured=True)


def test_nothing_is_said_before_a_tenth_has_come() -> None:
    came = Flow(100, ((0.0, 0), (1.0, 9)))
    assert seconds_left(came, came, Flow(0), KNOWN, now=1.0, proof_since=None) is None
    came = Flow(100, ((0.0, 0), (1.0, 10)))
    left = seconds_left(came, came, Flow(0), KNOWN, now=1.0, proof_since=None)
    assert left == pytest.approx(9.0)


def test_nothing_is_said_before_a_tenth_of_its_time_is_over() -> None:
    came = Flow(100, ((0.0, 0), (1.0, 10)))
    long = replace(KNOWN, proof=1.0)
    assert seconds_left(came, came, Flow(0), long, now=1.0, proof_since=None) is None
    came = Flow(100, ((0.0, 0), (2.0, 20)))
    left = seconds_left(came, came, Flow(0), long, now=2.0, proof_since=None)
    assert left == pytest.approx(9.0)


def test_nothing_is_said_before_the_disk_has_taken_anything() -> None:
    came = Flow(100, ((0.0, 0), (1.0, 50)))
    safe = Flow(100, ((0.0, 0),))
    assert seconds_left(came, safe, Flow(0), KNOWN, now=1.0, proof_since=None) is None


def test_a_host_that_never_restored_says_nothing_where_a_tenth_of_it_is_a_guess() -> None:
    came = Flow(100, ((0.0, 0), (5.0, 50)))

    def said(paces: Paces, log: Flow = Flow(0)) -> float | None:  # noqa: B008 - frozen
        return seconds_left(came, came, log, paces, now=5.0, proof_since=None)

    assert said(Paces(proof=1.0)) == pytest.approx(6.0)
    assert said(Paces(proof=2.0)) is None
    assert said(Paces(proof=2.0, is_measured=True)) == pytest.approx(7.0)
    assert said(Paces(replay=10.0, proof=0.5), Flow(20)) is None
    whole = Flow(100, ((0.0, 0), (5.0, 100)))
    half = Flow(20, ((5.0, 0), (6.0, 10)))
    guess = Paces(replay=10.0, proof=0.5)
    left = seconds_left(whole, whole, half, guess, now=6.0, proof_since=None)
    assert left == pytest.approx(1.5), "the replay itself is measured by now"
    assert seconds_left(whole, whole, half, guess, now=8.0, proof_since=8.0) == pytest.approx(0.5)
    slow = replace(guess, proof=2.0)
    assert seconds_left(whole, whole, half, slow, now=8.0, proof_since=8.0) is None


def test_the_slower_of_store_and_disk_says_how_long_it_takes() -> None:
    came = Flow(100, ((0.0, 0), (1.0, 50)))
    safe = Flow(100, ((0.0, 0), (1.0, 20)))
    left = seconds_left(came, safe, Flow(0), KNOWN, now=1.0, proof_since=None)
    assert left == pytest.approx(4.0)


def test_a_store_that_is_away_makes_the_end_later_as_one_looks() -> None:
    came = Flow(100, ((0.0, 0), (1.0, 10), (2.0, 20)))
    told = [
        now + (seconds_left(came, came, Flow(0), KNOWN, now=now, proof_since=None) or 0.0)
        for now in (2.0, 10.0, 60.0)
    ]
    assert told == sorted(told)
    assert told[-1] > 2 * told[0]


def test_the_log_left_to_replay_and_the_proof_are_counted() -> None:
    whole = Flow(100, ((0.0, 0), (1.0, 100)))
    paces = Paces(replay=10.0, proof=2.0, is_measured=True)
    left = seconds_left(whole, whole, Flow(50), paces, now=1.0, proof_since=None)
    assert left == pytest.approx(7.0)
    half = Flow(50, ((1.0, 0), (2.0, 25)))
    left = seconds_left(whole, whole, half, paces, now=2.0, proof_since=None)
    assert left == pytest.approx(3.0), "what is measured counts more than what was held"
    left = seconds_left(whole, whole, half, paces, now=3.5, proof_since=3.0)
    assert left == pytest.approx(1.5)


def test_a_pace_is_that_of_all_and_that_of_late_in_equal_parts() -> None:
    points = [(0.0, 0), (1.0, 50), (6.0, 100)]
    assert pace_of(points, 6.0) == pytest.approx(2 / (6 / 100 + 5 / 50))
    assert pace_of(points[:1], 6.0) is None
    assert pace_of([], 6.0) is None


def test_a_restores_words_do_not_grow_with_what_is_counted() -> None:
    progress = Progress()
    progress.begin("fetching the base", total=100_000, replay=0)
    for _ in range(100_000):
        progress.came(1)
    assert len(progress._came) <= 513
    assert (progress._came[0][1], progress._came[-1][1]) == (0, 100_000)


def test_what_a_restore_went_like_is_kept_for_the_next_agent(tmp_path: Path) -> None:
    file = tmp_path / "paces.json"
    assert not Measured.kept_in(file).paces.is_measured
    progress = Progress(measured=Measured.kept_in(file))
    progress.begin("fetching the base", total=10, replay=0)
    progress.brought()
    progress.proving()
    progress.ended()
    assert Measured.kept_in(file).paces == progress.measured.paces
    assert progress.measured.paces.is_measured
    for broken in (b"", b"{", b'{"replay": "fast"}', b"\xff"):
        file.write_bytes(broken)
        assert Measured.kept_in(file).paces == Paces(), "as if it had never been measured"


def test_a_disk_that_keeps_nothing_ends_no_restore(tmp_path: Path) -> None:
    measured = Measured.kept_in(tmp_path / "gone" / "paces.json")
    measured.keep(Paces(proof=1.0, is_measured=True))
    assert measured.paces.is_measured
