"""Rows → facts."""

from recovery.drp.queries.inventory import inventory
from recovery.drp.queries.people import database_now, people_of, rights_of
from recovery.drp.queries.runs import load_run, open_question, run_sight, unended_runs

__all__ = [
    "database_now",
    "inventory",
    "load_run",
    "open_question",
    "people_of",
    "rights_of",
    "run_sight",
    "unended_runs",
]
