"""What a promise of the plan is about. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class Covers(StrEnum):
    """A kind of service; `…_of_more`, `…_of_one`: applications by their containers."""

    BUSINESS_DATABASES = "business_databases"
    STARTER_DATABASES = "starter_databases"
    APPLICATIONS_OF_MORE = "applications_of_more"
    APPLICATIONS_OF_ONE = "applications_of_one"
