"""Every page passes axe-core and fits, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core import clock
from recovery.inventory.models import Placement
from tests.browser.conftest import Open, Site
from tests.dashboard import fleet

AXE = Path(__file__).resolve().parent.parent / "vendor" / "axe-4.14.1.min.js"
PAGES = (
    "/",
    "/incidents/",
    "/incidents/{incident}/",
    "/applications/",
    "/applications/mairie-lyon-web/",
    "/hosts/",
    "/hosts/par1-r1-h02/",
    "/hosts/par1-r1-h01/cordon/",
    "/held/",
    "/log/",
    "/log/5/",
    "/find/",
    "/help/",
)


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"), (320, "light")],
)
def test_every_page_is_accessible_and_fits(
    site: Site, open_page: Open, width: int, scheme: str
) -> None:
    now = clock.system.now()
    incident = fleet.lose_host(site.hosts["par1-r1-h02"], now)
    fleet.lose_host(site.hosts["osu2-r1-h02"], now)
    fleet.hold_host(site.hosts["osu2-r1-h02"], "A storm asks a person.", now)
    lost = Placement.objects.filter(state="lost").select_related("container")[0]
    fleet.replace_seat(lost, site.hosts["mrs1-r2-h02"], now)
    page = open_page("/", viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in PAGES:
        page.goto(site.url + path.format(incident=incident.number))
        page.wait_for_selector("#live-word:has-text('live')")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        violations = [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]]
        assert not violations, path
        element = "document.documentElement"
        assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), path
