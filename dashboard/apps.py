"""The screens."""

from __future__ import annotations

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Pages, panels, API and the live hub; it has no tables of its own."""

    name = "dashboard"
