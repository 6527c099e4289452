"""Small files in small folders (docs: "How it reads")."""

from __future__ import annotations

import ast
from collections import Counter
from statistics import median, quantiles

import pytest

from tests.architecture.sources import Source, sources

LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
LONGEST_STORY = 70
"""A test may tell a longer story than a function of ours."""
MOST_IN_A_FOLDER = 24
OURS = sources("recovery", "dashboard", "tests")


@pytest.mark.parametrize("source", OURS, ids=lambda each: each.name)
def test_no_module_and_no_function_is_long(source: Source) -> None:
    assert len(source.text.splitlines()) <= LONGEST_MODULE
    longest = LONGEST_STORY if source.path.parts[0] == "tests" else LONGEST_FUNCTION
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= longest, f"{node.name} has {length} lines"


def test_most_modules_are_short() -> None:
    lengths = [len(source.text.splitlines()) for source in OURS if source.text.strip()]
    assert median(lengths) <= 150
    assert quantiles(lengths, n=20)[-1] <= 300


def test_no_folder_is_crowded() -> None:
    crowd = Counter(str(source.path.parent) for source in OURS)
    assert {folder: n for folder, n in crowd.items() if n > MOST_IN_A_FOLDER} == {}
