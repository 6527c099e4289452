"""Characters that no text of people holds, for nobody sees them. Pure.

Invariant: what is kept, and signed, reads as it was written. A mark that turns the direction of
text (U+202E and its kind) makes a reader see another order than the one that was signed. Letters
of every script stay, and so do the joiners that some of them need.
"""

from __future__ import annotations

import re

NUL = "\0"
_MARK = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def why_not(text: str, where: str) -> str:
    """The sentence for whoever wrote it; empty: nothing is wrong. `where`: “reason”."""
    if NUL in text:
        return f"A NUL character stands in {where}: no text holds one. Nothing was done."
    marks = sorted({f"U+{ord(mark):04X}" for mark in _MARK.findall(text)})
    if not marks:
        return ""
    return (
        f"An invisible character that turns the direction of text ({', '.join(marks)}) stands in"
        f" {where}: it would read otherwise than it is written. Nothing was done: take it out, and"
        " send it again."
    )


def is_plain(text: str) -> bool:
    """It reads as it is written."""
    return not _MARK.search(text)


def without(text: str) -> str:
    """What is left of it."""
    return _MARK.sub("", text.replace(NUL, ""))
