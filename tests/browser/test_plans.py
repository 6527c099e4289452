"""Runbooks and reports pass axe-core and fit, wide and narrow, light and dark."""

from __future__ import annotations

import os
from pathlib import Path

from django.test import override_settings
from playwright.sync_api import Page, expect

from recovery.core import clock
from tests.browser.conftest import Open, Site
from tests.browser.test_looks import AXE
from tests.dashboard.drp.plans.seeding import (
    seed_ground,
    seed_proposal,
    seed_run,
    seed_simulation,
)

PAGES = (
    "/recovery/runs/{run}/report/",
    "/recovery/runs/{simulation}/report/",
    "/recovery/runbooks/",
    "/recovery/runbooks/datacenter-lost/",
    "/recovery/runbooks/datacenter-lost/source/",
    "/recovery/runbooks/datacenter-lost/edit/",
    "/recovery/runbooks/datacenter-lost/2/review/",
)
PICTURES = os.environ.get("TOCSIN_PICTURES", "")
"""A folder: every page is kept there as a picture, for a person to look at, in every look."""
LOOKS = ((1440, "dark"), (390, "light"))
EVERY_LOOK = (*LOOKS, (1440, "light"), (390, "dark"), (320, "light"))


def look(page: Page, url: str, name: str) -> None:
    page.goto(url)
    check(page, name)


def check(page: Page, name: str) -> None:
    """Accessible, and no wider than the window."""
    page.wait_for_selector("#live-word:has-text('live')")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    violations = [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]]
    assert not violations, name
    element = "document.documentElement"
    assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), name
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def spoil(page: Page, name: str) -> None:
    """What is wrong stands beside the text, which is kept."""
    page.go_back()
    text = page.locator("textarea")
    text.fill(text.input_value().replace("timeout: 5m", "timeout: later"))
    page.click("text=Check it and show what changes")
    expect(page.locator(".faults")).to_contain_text("no span of time")
    assert "timeout: later" in page.locator("textarea").input_value()
    check(page, name)


def test_reports_and_runbooks_are_accessible_and_fit(
    site: Site, open_page: Open, tmp_path: Path
) -> None:
    now = clock.system.now()
    key = str(tmp_path / "report-key")
    with override_settings(
        TOCSIN_PINS=str(tmp_path / "pins"),
        TOCSIN_REPORT_KEY_FILE=key,
        TOCSIN_URL="https://tocsin.example",
    ):
        ground = seed_ground(site.hosts, now, tmp_path / "pins")
        numbers = {"run": seed_run(ground, now), "simulation": seed_simulation(ground)}
        seed_proposal(ground)
    for width, scheme in EVERY_LOOK if PICTURES else LOOKS:
        page = open_page("/", viewport={"width": width, "height": 844}, color_scheme=scheme)
        for at, path in enumerate(PAGES):
            look(page, site.url + path.format(**numbers), f"{at}-{width}-{scheme}")
        spoil(page, f"edit-{width}-{scheme}")
        page.context.close()
