"""What a person writes on the command line, as the pages' forms take it."""

from __future__ import annotations

from argparse import ArgumentTypeError

from recovery.core.texts import why_not


def words(text: str) -> str:
    """No mark that turns text: it would be signed, and read as something else."""
    if wrong := why_not(text, "what was written"):
        raise ArgumentTypeError(wrong)
    return text
