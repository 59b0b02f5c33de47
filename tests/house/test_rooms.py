"""A reader finds their way: few modules in a folder, and a front page in each."""

from __future__ import annotations

import ast
from collections import defaultdict

from worlds.import_graph import modules, room_of, tree_of

MODULES_MAX = 12


def folders() -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules():
        if room_of(module) != module:
            found[room_of(module)].append(module)
    return found


def test_a_folder_has_few_modules() -> None:
    large = {folder: len(found) for folder, found in folders().items() if len(found) > MODULES_MAX}
    assert not large, "give what is one idea a folder of its own"


def test_a_folder_has_a_front_page() -> None:
    assert folders().keys() <= modules().keys(), "a folder without `__init__.py`"
    for module, path in modules().items():
        if room_of(module) == module:
            page = ast.get_docstring(tree_of(path))
            assert page and len(page) > 30, module


APART = "Not to be confused with"


def test_a_name_is_that_of_one_class_or_each_docstring_tells_it_apart() -> None:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for module, path in modules().items():
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name][module] = ast.get_docstring(node) or ""
    for name, docs in found.items():
        untold = [module for module, doc in docs.items() if APART not in doc]
        assert len(docs) == 1 or not untold, f"{name} in {untold}: rename, or say {APART!r} ..."
