"""The ports by which users reach databases through the edge: a block fixed at the start.

Invariant: the block of a state folder never changes by itself, for users keep its numbers; only
a first start, which nobody's users know yet, takes the next block that is free.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recovery.core.errors import BadConfiguration
from recovery.engines.ports import is_free

FIRST, SIZE, BLOCKS = 8100, 16, 100
FIELD = "TOCSIN_DATABASE_PORTS"
KEPT = "database_ports"


def choose_block(
    asked: str, folder: Path, may_take: Callable[[int], bool] = is_free
) -> tuple[int, ...]:
    """The ports that were asked for, else the kept ones, else the first free block."""
    if asked.strip():
        return read_block(asked)
    kept = folder / KEPT
    if kept.exists():
        return read_block(kept.read_text())
    for first in range(FIRST, FIRST + BLOCKS * SIZE, SIZE):
        block = tuple(range(first, first + SIZE))
        if all(may_take(port) for port in block):
            return block
    raise BadConfiguration(
        f"no {SIZE} free ports in a row from {FIRST} on.", field=FIELD, todo="Name a free block."
    )


def read_block(text: str) -> tuple[int, ...]:
    """`8100-8115`, as ports."""
    first, dash, last = text.strip().partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last)):
        raise BadConfiguration(f"{text!r} is not a block of ports as 8100-8115.", field=FIELD)
    if int(last) > 65535 or int(last) - int(first) >= 256:
        raise BadConfiguration(f"{text!r}: at most 256 ports, the last at most 65535.", field=FIELD)
    return tuple(range(int(first), int(last) + 1))


def written(block: tuple[int, ...]) -> str:
    """The way `read_block` reads it."""
    return f"{block[0]}-{block[-1]}"


def entry_point(port: int) -> str:
    """What the edge calls the door at this port."""
    return f"db-{port}"
