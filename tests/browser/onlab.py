"""A person at the real thing: a whole Tocsin with its lab, and Chromium before it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from tests.support.running import wait_for
from tests.support.stack import Stack

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run"]
EQUAL_TO_ITS_RELOAD = """async () => {
  const calm = (root) => Object.fromEntries([...root.querySelectorAll('[id^="p-"]')].map((node) => {
    const copy = node.cloneNode(true);
    for (const one of copy.querySelectorAll('time, [data-age]')) one.textContent = '';
    for (const one of [copy, ...copy.querySelectorAll('*')])
      for (const name of ['open', 'data-htmx-powered', 'aria-disabled']) one.removeAttribute(name);
    return [node.id, copy.outerHTML];
  }));
  const text = await (await fetch(location.href)).text();
  const fresh = calm(new DOMParser().parseFromString(text, 'text/html'));
  const shown = calm(document);
  return Object.keys(fresh).filter((id) => fresh[id] !== shown[id])
    .map((id) => `${id}\\n${shown[id]}\\n---\\n${fresh[id]}`);
}"""


@dataclass
class Person:
    """Somebody signed in, in a browser of their own. No tab is ever loaded twice."""

    stack: Stack
    browser: Browser
    name: str
    password: str
    look: dict[str, object]
    tabs: list[Page] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = self.browser.new_context(**self.look)  # type: ignore[arg-type]
        self.failures: list[str] = []

    def open(self, path: str) -> Page:
        """A new tab, live."""
        page = self._context.new_page()
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.goto(self.stack.url + path)
        if "/account/login/" in page.url:
            page.fill("#id_login", self.name)
            page.fill("#id_password", self.password)
            page.click("main button[type=submit]")
        page.wait_for_selector("#live-word:has-text('live, ')")
        page.evaluate("window.neverReloaded = true")
        self.tabs.append(page)
        return page

    def close(self) -> None:
        self._context.close()

    def stale_panels(self) -> list[str]:
        """Panels of the open tabs that a reload would show otherwise."""
        return [one for page in self.tabs for one in page.evaluate(EQUAL_TO_ITS_RELOAD)]

    def has_reloaded(self) -> bool:
        return not all(page.evaluate("window.neverReloaded === true") for page in self.tabs)


def passwords(stack: Stack) -> dict[str, str]:
    """As they stand once on the terminal of the first start."""
    lines = [line.split() for line in stack.running.said.splitlines()]
    roles = ("viewer", "responder", "approver", "admin")
    return {words[0]: words[1] for words in lines if len(words) == 2 and words[0] in roles}


@contextmanager
def person(stack: Stack, browser: Browser, name: str, **look: object) -> Iterator[Person]:
    """Inside, they have a browser open."""
    made = Person(stack, browser, name, passwords(stack)[name], look)
    try:
        yield made
        assert not made.failures
    finally:
        made.close()


def press_until_taken(phone: Page) -> None:
    """While Tocsin does not see, which may be for some seconds after a loss, no yes is taken: its
    page says so, and is answered again."""

    def is_taken() -> bool:
        if "/recovery/runs/" not in phone.url:
            with suppress(PlaywrightError):
                phone.click(".seal >> text=/^Approve: /", timeout=1_000)
        phone.wait_for_timeout(500)
        return "/recovery/runs/" in phone.url

    wait_for(is_taken, 60)
