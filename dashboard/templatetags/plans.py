"""Words for runbooks and their reports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from django import template

from recovery.drp.reports.parts import Row, Section
from recovery.drp.reports.words import spoken
from recovery.drp.runbooks.lint import Finding
from recovery.drp.runbooks.schema import Preamble

register = template.Library()
LONGEST_WORD, LONG_CELL = 24, 40
INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
LISTS = (
    ("Activated when", "activation"),
    ("Deactivated when", "deactivation"),
    ("A success when", "success_criteria"),
    ("Resources", "resources"),
    ("Suppliers", "suppliers"),
    ("Controls relaxed", "security_relaxations"),
)


@register.filter
def labelled(section: Section, row: Row) -> list[tuple[str, str, str]]:
    """Each cell with the name of its column, and how it is set: `long` may break anywhere, an
    instant (`when`) nowhere."""
    pairs = zip(section.columns, row.cells, strict=True)
    return [(name, cell, _setting(cell)) for name, cell in pairs]


def _setting(cell: str) -> str:
    if INSTANT.fullmatch(cell):
        return "when"
    words = ["long"] if max(map(len, cell.split()), default=0) > LONGEST_WORD else []
    return " ".join([*words, "all"] if len(cell) > LONG_CELL else words)


@register.filter
def day(value: date | str | None) -> str:
    """29 Nov 2026; "never" and "not written" are answers, too."""
    if value is None:
        return "not written"
    return value if isinstance(value, str) else f"{value.day} {value:%b %Y}"


@register.filter
def words(name: str) -> str:
    """datacenter_lost: datacenter lost."""
    return str(name).replace("_", " ")


@register.filter
def lasting(seconds: int) -> str:
    """Never rounded away: 30 min, 1 day."""
    return spoken(seconds)


@register.filter
def lists(plan: Preamble) -> list[tuple[str, tuple[str, ...]]]:
    """Its fields that hold sentences."""
    return [(said, getattr(plan, name)) for said, name in LISTS]


@register.filter
def any_stale(findings: Iterable[Finding] | None) -> bool:
    """Whether it takes an override."""
    return any(one.is_stale for one in findings or ())
