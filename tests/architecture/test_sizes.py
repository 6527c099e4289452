"""Small files in small folders (docs: "How it reads")."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from tests.architecture.sources import Source, sources

LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
LONGEST_STORY = 70
"""A test may tell a longer story than a function of ours."""
MOST_IN_A_FOLDER = 24
OURS = sources("recovery", "dashboard", "tests")


def too_long(source: Source) -> Iterator[str]:
    """Says what of this file is longer than it may be."""
    if (lines := len(source.text.splitlines())) > LONGEST_MODULE:
        yield f"{source.name} has {lines} lines"
    longest = LONGEST_STORY if source.path.parts[0] == "tests" else LONGEST_FUNCTION
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > longest:
                yield f"{source.name}: {node.name} has {length} lines"


def test_no_module_and_no_function_is_long() -> None:
    assert [words for source in OURS for words in too_long(source)] == []


def test_the_check_sees_what_is_long() -> None:
    body = "    pass\n" * LONGEST_STORY
    function = Source(Path("tests/x.py"), f"def long() -> None:\n{body}")
    assert list(too_long(function)) == [f"tests/x.py: long has {LONGEST_STORY + 1} lines"]
    module = Source(Path("recovery/x.py"), "pass\n" * (LONGEST_MODULE + 1))
    assert list(too_long(module)) == [f"recovery/x.py has {LONGEST_MODULE + 1} lines"]


def test_most_modules_are_short() -> None:
    lengths = [len(source.text.splitlines()) for source in OURS if source.text.strip()]
    assert median(lengths) <= 150
    assert quantiles(lengths, n=20)[-1] <= 300


def test_no_folder_is_crowded() -> None:
    crowd = Counter(str(source.path.parent) for source in OURS)
    assert {folder: n for folder, n in crowd.items() if n > MOST_IN_A_FOLDER} == {}
