"""The README's pictures, from the real lab: `python -m tests.browser.shoot FOLDER`.

A host with containers and a database's primary is lost; the pictures are taken while its containers
come back and its database fails over, and after.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.onlab import CHROMIUM, FLAGS, person
from tests.failovers.telling import WELL, Bases
from tests.support.running import wait_for
from tests.support.stack import whole_stack

WIDE = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
LOST = "orders-pg"
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True}


def main(folder: Path) -> None:
    """The overview wide and on a phone while it burns; the database in the middle of its failover
    and after; all databases; the incident afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-shoot-") as var,
        whole_stack(
            Path(var) / "var", TOCSIN_LAB_DATABASES="1", TOCSIN_STANDBY_WELL=str(WELL)
        ) as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with (
            person(stack, browser, "responder", **WIDE) as at_desk,
            person(stack, browser, "responder", **PHONE) as in_bed,
        ):
            bases = Bases(stack)
            bases.prove()
            desk, bed = at_desk.open("/"), in_bed.open("/")
            base = at_desk.open(f"/databases/{LOST}/")
            stack.lab("kill", host=(host := bases.host_of(LOST)))
            for page, name in ((desk, "overview"), (bed, "phone")):
                expect(page.locator("#p-voice[data-alarm=open]")).to_be_visible(timeout=20_000)
                _shoot(page, folder / f"{name}.png")
            expect(base.locator("#p-database-failover")).to_contain_text(
                "under way", timeout=20_000
            )
            _shoot(base, folder / "failover.png")
            desk.click("text=/^Acknowledge INC-/")
            desk.click("#p-voice .voice-sign a")
            wait_for(
                lambda: bases.host_of(LOST, "standby") == "" and not bases.is_failing(LOST), 60
            )
            _shoot(base, folder / "database.png")
            _shoot(at_desk.open("/databases/"), folder / "databases.png")
            stack.lab("restart", host=host)
            expect(desk.locator("#p-incident-lines")).to_contain_text("whole again", timeout=90_000)
            desk.set_viewport_size({"width": 1280, "height": 1180})
            desk.screenshot(path=folder / "incident.png")
        browser.close()


def _shoot(page: Page, path: Path) -> None:
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
