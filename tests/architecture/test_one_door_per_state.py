"""Models are written in `actions.py` and `core/transitions.py` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import Source, sources

WRITES = {
    "save",
    "create",
    "bulk_create",
    "update",
    "bulk_update",
    "delete",
    "get_or_create",
    "update_or_create",
    "acreate",
    "asave",
    "aupdate",
    "adelete",
}
ON_ROWS = {"objects", "filter", "exclude", "all", "select_for_update", "_default_manager"}
CORE_DOORS = {"recovery/core/transitions.py", "recovery/core/control.py"}


def is_door(source: Source) -> bool:
    """`actions.py`, or a module of an `actions/` folder, or the core's one way."""
    return "actions" in (source.path.stem, source.path.parent.name) or source.name in CORE_DOORS


def writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls of a writing method on a manager, a queryset, or (save, delete) a row."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in WRITES and _is_on_rows(node.func.value):
            yield node.lineno, node.func.attr
        if node.func.attr in {"save", "asave"} and not node.args:
            yield node.lineno, node.func.attr


def _is_on_rows(value: ast.expr) -> bool:
    """True for `X.objects…`: somewhere left of the call stands a manager."""
    names = {each.attr for each in ast.walk(value) if isinstance(each, ast.Attribute)}
    return bool(names & ON_ROWS)


WITHOUT_DJANGO = {"agent", "adapters", "engines"}
WITH_ROWS = [
    source
    for source in sources("recovery", "dashboard")
    if source.path.parts[1] not in WITHOUT_DJANGO
]


def test_rows_are_written_by_actions_alone() -> None:
    others = [source for source in WITH_ROWS if not is_door(source)]
    found = {source.name: list(writes(source.tree)) for source in others}
    wrong = {name: calls for name, calls in found.items() if calls}
    assert wrong == {}, "these write rows themselves; ask an action to"


@pytest.mark.parametrize(
    "statement",
    [
        "Host.objects.filter(pk=1).update(state='lost')",
        "Host.objects.create(name='x')",
        "host.save()",
        "Host.objects.all().delete()",
    ],
)
def test_the_check_sees_a_write(statement: str) -> None:
    assert list(writes(ast.parse(statement)))


def test_the_check_leaves_sets_and_dicts_alone() -> None:
    assert not list(writes(ast.parse("seen.update(x); options.update(a=1); files.delete(name)")))
