"""Crash to service on the lab, by stopwatch, with the shipped policy.

A host is killed (SIGKILL of its first process). Measured from the moment before it is asked for:
*declared*: the host's row, read 50 times a second, says lost; *answering*: for each container
that ran there, the first answer that a client gets **through the edge** from a newer generation
of that container, asked 20 times a second per application. Singletons are left out: of them a
second one starts only after a proof or a person's word (I-CT-1), or with their host. A person's
presses are made through the API as soon as something rings or is held, and are counted.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

import httpx

from recovery.core.clock import system
from tests.support.person import Person
from tests.support.stack import Stack

ASKED_EVERY = 0.05
READ_EVERY = 0.02
AT_MOST = 120.0
AIM_DECLARED, AIM_ANSWERING = 3.0, 5.0
SEATS = """
SELECT a.name, a.name || '-' || c.ordinal, p.generation FROM inventory_placement p
JOIN inventory_container c ON c.id = p.container_id
JOIN inventory_application a ON a.id = p.application_id
JOIN inventory_host h ON h.id = p.host_id WHERE h.name = %s AND p.state = 'running'
  AND a.kind = 'stateless'
"""


@dataclass(slots=True)
class Kill:
    """One kill. `answering`: container → seconds until its replacement answered."""

    host: str
    declared: float | None = None
    answering: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    acknowledged: int = 0
    released: int = 0


def measure(stack: Stack, kills: int, seed: int, spacing: float) -> list[Kill]:
    """So many kills, each from fair weather, at least `spacing` seconds apart: at 61 s the guard
    (two losses in 120 s) need not ask a person, closer it does."""
    rng = random.Random(seed)
    results = []
    stack.api("GET", "/state")
    for _ in range(kills):
        began = system.monotonic()
        names = [name for name in sorted(stack.verdicts()) if stack.rows(SEATS, name)]
        result = kill(stack, rng.choice(names))
        results.append(result)
        print(f"  {len(results):3} {_said(result)}", flush=True)
        stack.lab("restart", host=result.host)
        _wait_until_calm(stack)
        time.sleep(max(0.0, began + spacing - system.monotonic()))
    return results


def kill(stack: Stack, host: str) -> Kill:
    """One host, from its death until everything of it answers elsewhere."""
    result = Kill(host)
    seats = {container: (app, generation) for app, container, generation in stack.rows(SEATS, host)}
    with Person(stack) as person, ThreadPoolExecutor(len(seats)) as pool:
        began = system.monotonic()
        asked = {
            container: pool.submit(_answers, stack.edge, app, container, generation, began)
            for container, (app, generation) in seats.items()
        }
        try:
            stack.lab("kill", host=host)
            result.declared = _declared(stack, host, began)
        finally:
            for container, answer in asked.items():
                seconds = answer.result(AT_MOST + 10)
                if seconds is None:
                    result.missing.append(container)
                else:
                    result.answering[container] = seconds
    result.acknowledged, result.released = person.acknowledged, person.released
    return result


def _declared(stack: Stack, host: str, began: float) -> float | None:
    while system.monotonic() - began < AT_MOST:
        if stack.verdict(host) == "lost":
            return round(system.monotonic() - began, 3)
        time.sleep(READ_EVERY)
    return None


def _answers(edge: str, app: str, container: str, generation: int, began: float) -> float | None:
    """Seconds until a newer generation of this container answered a GET through the edge."""
    with httpx.Client(timeout=3.0, headers={"Connection": "close"}) as client:
        while system.monotonic() - began < AT_MOST:
            due = system.monotonic() + ASKED_EVERY
            try:
                body = client.get(f"{edge}/app/{app}/").json()
            except (httpx.HTTPError, json.JSONDecodeError):
                body = {}
            if body.get("container") == container and int(body["generation"]) > generation:
                return round(system.monotonic() - began, 3)
            time.sleep(max(0.0, due - system.monotonic()))
    return None


def _wait_until_calm(stack: Stack) -> None:
    deadline = system.monotonic() + AT_MOST
    while not stack.is_calm():
        assert system.monotonic() < deadline, stack.open_incidents()
        time.sleep(0.5)


def _said(result: Kill) -> str:
    said = ", ".join(f"{name} {at:.2f} s" for name, at in sorted(result.answering.items()))
    held = f"; released by a person {result.released} times" if result.released else ""
    lost = f"; NOT REPLACED {result.missing}" if result.missing else ""
    return f"{result.host}: declared {result.declared} s; {said}{held}{lost}"


def report(results: Sequence[Kill]) -> dict[str, object]:
    """The table, printed; and the same as values."""
    declared = [one.declared for one in results if one.declared is not None]
    each = [seconds for one in results for seconds in one.answering.values()]
    last = [max(one.answering.values()) for one in results if one.answering]
    print(f"{len(results)} hosts killed, one after another   median   maximum      aim")
    _row("crash → declared lost", declared, AIM_DECLARED)
    _row("crash → a replacement answers (each)", each, AIM_ANSWERING)
    _row("crash → all of the host answer", last, AIM_ANSWERING)
    acknowledged = sum(one.acknowledged for one in results)
    released = sum(one.released for one in results)
    missing = sum(len(one.missing) for one in results)
    print(f"a person acknowledged {acknowledged} times and released {released} times")
    print(f"containers measured {len(each)}, not replaced within {AT_MOST:.0f} s: {missing}")
    return {
        "kills": [asdict(one) for one in results],
        "declared": _figures(declared),
        "answering": _figures(each),
        "whole_host": _figures(last),
        "acknowledged": acknowledged,
        "released": released,
        "not_replaced": missing,
    }


def _row(name: str, seconds: Sequence[float], aim: float) -> None:
    found = _figures(seconds)
    print(f"{name:<38}{found['median']:7.2f} s {found['maximum']:7.2f} s   ≤ {aim:.0f} s")


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {"median": float("nan"), "maximum": float("nan")}
    return {"median": round(statistics.median(seconds), 3), "maximum": max(seconds)}
