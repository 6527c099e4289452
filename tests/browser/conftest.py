"""A real web process on a database of its own, and Debian's Chromium."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from recovery.core import clock
from recovery.inventory.models import Host
from tests.browser.onlab import CHROMIUM, FLAGS
from tests.dashboard import fleet
from tests.support.databases import Database
from tests.support.own import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
BEAT = """
import time, django
django.setup()
from recovery.core import control
from recovery.core.clock import system
epoch = control.take_lead("browser-test", seen_epoch=control.read_beat()[0], now=system.now())
while control.beat(epoch):
    time.sleep(0.5)
"""


@dataclass
class Site:
    """A running web process that looks at a seeded fleet."""

    database: Database
    hosts: dict[str, Host]
    port: int
    redis_port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Web, and a beat in place of a controller."""
        environment = self.database.environ(
            TOCSIN_URL=self.url, TOCSIN_REDIS_URL=f"redis://127.0.0.1:{self.redis_port}/0"
        )
        web = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application"]
        web += ["--port", str(self.port), "--ws", "websockets-sansio", "--log-level", "warning"]
        for argv in (web, [sys.executable, "-c", BEAT]):
            self.processes.append(subprocess.Popen(argv, cwd=ROOT, env=environment))
        _wait_until_it_accepts(self.port, self.processes[0])

    def pause_web(self, signal: int) -> None:
        self.processes[0].send_signal(signal)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def _wait_until_it_accepts(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = clock.system.monotonic() + 30
    while process.poll() is None and clock.system.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError("the web process did not come up")


@pytest.fixture
def site(chromium: Browser, fresh_database: Database) -> Iterator[Site]:
    now = clock.system.now()
    fleet.seed_people(now)
    made = Site(fresh_database, fleet.seed_demo(now), free_port(), free_port())
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Playwright keeps a loop of its own in this thread; Django is told that this is known."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(site: Site, chromium: Browser) -> Iterator[Open]:
    """Sign in as a role, perhaps through another port; a script that fails fails the test."""
    with ExitStack() as stack:
        failures: list[str] = []

        def opened(path: str, role: str = "responder", through: int = 0, **context: Any) -> Page:
            url = f"http://localhost:{through}" if through else site.url
            made = chromium.new_context(**context)
            stack.callback(made.close)
            page = made.new_page()
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.goto(f"{url}/account/login/?next={path}")
            page.fill("#id_login", role)
            page.fill("#id_password", fleet.PASSWORD)
            page.click("main button[type=submit]")
            page.wait_for_selector("#live-word:has-text('live, 0')")
            return page

        yield opened
        assert not failures
