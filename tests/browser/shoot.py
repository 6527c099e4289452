"""The README's pictures, from the real lab: `python -m tests.browser.shoot FOLDER`.

A host is lost from the page; the pictures are taken while its containers come back and after.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.onlab import CHROMIUM, FLAGS, person
from tests.support.stack import Stack, whole_stack

WIDE = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True}


def main(folder: Path) -> None:
    """Three pictures: the overview wide and on a phone while it burns, the incident afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-shoot-") as var,
        whole_stack(Path(var) / "var") as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with (
            person(stack, browser, "responder", **WIDE) as at_desk,
            person(stack, browser, "responder", **PHONE) as in_bed,
        ):
            desk, bed = at_desk.open("/"), in_bed.open("/")
            stack.lab("kill", host=_the_only_home_of(stack, "newsletter"))
            for page, name in ((desk, "overview"), (bed, "phone")):
                expect(page.locator("#p-voice[data-alarm=open]")).to_be_visible(timeout=20_000)
                _shoot(page, folder / f"{name}.png")
            desk.click("text=/^Acknowledge INC-/")
            desk.click("#p-voice .voice-sign a")
            expect(desk.locator("#p-incident-lines")).to_contain_text("whole again", timeout=60_000)
            desk.set_viewport_size({"width": 1280, "height": 1180})
            desk.screenshot(path=folder / "incident.png")
        browser.close()


def _the_only_home_of(stack: Stack, application: str) -> str:
    rows = stack.rows(
        "SELECT h.name FROM inventory_placement p JOIN inventory_host h ON h.id = p.host_id"
        " JOIN inventory_application a ON a.id = p.application_id"
        " WHERE a.name = %s AND p.state = 'running'",
        application,
    )
    return str(rows[0][0])


def _shoot(page: Page, path: Path) -> None:
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
