#!/usr/bin/env python
"""Tocsin's command line: `manage.py up` starts everything; `manage.py help` lists the rest."""

import os
import sys
from importlib.util import find_spec


def main() -> None:
    if find_spec("django") is None:
        sys.exit("Tocsin: nothing is installed yet for this Python: make up")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    if "migrate" in sys.argv[1:2]:
        os.environ.setdefault("TOCSIN_ACTS_AS", "migrator")
    if sys.argv[1:] == ["up"]:  # starts what needs Django; without it, it is there at once
        from recovery.engines.up import up

        sys.exit(up())
    from django.core.management import execute_from_command_line

    from recovery.core.errors import TocsinError

    try:
        execute_from_command_line(sys.argv)
    except TocsinError as refusal:
        sys.exit(f"Tocsin: {refusal}")


if __name__ == "__main__":
    main()
