"""The loss of a database's host is heard: by the open page, and by whoever carries a phone.

How fast is in the diary, and says nothing on a busy machine; here it is that both hear of the
verdict, after it, and that nobody waits for a round of tens of seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import Browser, Page

from recovery.alarms.decide import DIGEST_EVERY
from tests.browser.onlab import person
from tests.failovers.telling import Bases, now
from tests.stories.telling import diary, may_write_at_once
from tests.support.running import wait_for

NOTE_THE_BELL = """() => {
  const arm = document.getElementById('arm');
  new MutationObserver(() => {
    if (arm.textContent.startsWith('Ringing')) window.rangAt ??= Date.now();
  }).observe(arm, {childList: true, characterData: true, subtree: true});
}"""
A_ROUND = 15.0
"""Seconds: longer than any wait of a pushed word on a machine that does eight things at once, and
shorter than whatever looks only now and then (mail in digests, a page that somebody reloads)."""
FIRST_TAKEN = """
SELECT min(y.accepted_at) FROM alarms_delivery y JOIN inventory_host h ON h.name = %s
WHERE y.accepted_at > h.verdict_at AND y.text || y.subject LIKE '%%' || h.name || '%%'
"""


def test_a_starter_database_waits_for_its_host_and_serves_again_with_it(
    bases: Bases, chromium: Browser
) -> None:
    name = "canteen-pg"
    bases.settle(name)
    host = bases.host_of(name)
    wait_for(lambda: may_write_at_once(bases.stack), DIGEST_EVERY.total_seconds() + 5)
    with person(bases.stack, chromium, "responder") as responder:
        page = responder.open("/")
        page.evaluate(NOTE_THE_BELL)
        since = now()
        bases.stack.lab("kill", host=host)
        wait_for(lambda: bases.stack.verdict(host) == "lost", 30)
        wait_for(lambda: _taken_at(bases, host), 30)
        wait_for(lambda: page.evaluate("window.rangAt"), 30)
        verdict, rang, taken = _verdict_at(bases, host), _rang_at(page), _taken_at(bases, host)
    assert taken is not None
    heard = (rang - verdict).total_seconds(), (taken - verdict).total_seconds()
    diary(f"{host} lost: the page rang {heard[0]:.2f} s and mail was taken {heard[1]:.2f} s after")
    wait_for(lambda: bases.one(name, "state") == "waiting", 60)
    assert bases.one(name, "state_reason")
    assert bases.is_failing(name)
    assert bases.host_of(name) == host
    bases.stack.lab("restart", host=host)
    wait_for(lambda: bases.waited(name, since) is not None, 90)
    assert bases.missing(name) == set()
    wait_for(lambda: bases.one(name, "state") == "serving", 60)
    for seconds in heard:
        assert 0.0 <= seconds < A_ROUND, "told by the verdict, and not by the next round"


def _verdict_at(bases: Bases, host: str) -> datetime:
    found = bases.stack.rows("SELECT verdict_at FROM inventory_host WHERE name = %s", host)[0][0]
    assert isinstance(found, datetime)
    return found


def _taken_at(bases: Bases, host: str) -> datetime | None:
    """When the first channel accepted the first message about it."""
    found = bases.stack.rows(FIRST_TAKEN, host)[0][0]
    assert found is None or isinstance(found, datetime)
    return found


def _rang_at(page: Page) -> datetime:
    """By the clock of the machine, which is the rows' too."""
    return datetime.fromtimestamp(page.evaluate("window.rangAt") / 1000, UTC)
