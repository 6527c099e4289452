"""The block of ports for databases: asked for, kept, or the first that is free."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.engines.edge.doors import KEPT, choose_block, written


def test_a_first_start_takes_the_first_free_block(tmp_path: Path) -> None:
    block = choose_block("", tmp_path, lambda port: port >= 8110)
    assert (block[0], len(block)) == (8116, 16)


def test_a_kept_block_stays_even_where_it_is_taken(tmp_path: Path) -> None:
    (tmp_path / KEPT).write_text("8116-8131")
    assert choose_block("", tmp_path, lambda port: False)[0] == 8116


def test_what_was_asked_for_comes_first(tmp_path: Path) -> None:
    (tmp_path / KEPT).write_text("8116-8131")
    assert written(choose_block("9000-9003", tmp_path, lambda port: True)) == "9000-9003"


@pytest.mark.parametrize("text", ["8100", "8115-8100", "a-b", "80-90", "65530-65540", "2000-9000"])
def test_what_is_no_block_is_refused_with_the_variable(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfiguration, match="TOCSIN_DATABASE_PORTS"):
        choose_block(text, tmp_path, lambda port: True)
