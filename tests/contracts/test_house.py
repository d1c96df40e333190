"""The house's own rules: small files, short functions, few parameters, plain names."""

import ast
from pathlib import Path

import pytest

import pellucid

ROOT = Path(pellucid.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LINES, BODY, PARAMETERS = 400, 60, 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file(path):
    source = path.read_text()
    assert source.count("\n") <= LINES
    assert path.stem not in ("utils", "core", "common", "helpers")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            where = f"{path.name}:{node.lineno} {node.name}"
            assert node.end_lineno - node.lineno < BODY, f"{where} is longer than a screen"
            arguments = node.args
            assert arguments.kwarg is None, f"{where} takes anything by name"
            count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
            assert count <= PARAMETERS, f"{where} takes {count} parameters"
        if isinstance(node, ast.ExceptHandler):
            broad = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            reraised = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert node.type is not None, f"{path.name}:{node.lineno} catches everything"
            assert not broad or reraised, f"{path.name}:{node.lineno} swallows errors"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_thing_says_what_it_is(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, f"{path.name} has no docstring"
